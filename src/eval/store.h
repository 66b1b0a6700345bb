// The answers of a run in a SQLite file, each on the disk as it comes (write-ahead log): whatever
// ends the program, the next run goes on behind the last answer. Owns the open file; one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "eval/answerer.h"

struct sqlite3;

namespace heng::eval {

// What is kept of an answer, and what a sandbox said of its code.
struct Kept {
  size_t question = 0;  // Question::index
  int sample = 0;
  std::string subject;
  size_t row = 0;
  Answer answer;
  std::string verdict;  // of running the reply's code: "passed", "failed: ..."; empty: not run
};

class Store {
 public:
  // Opens or makes `path`. Throws Error kNotFound where it cannot be made there, kCorrupt where it
  // is no run of heng or damaged, kBusy where another program writes to it.
  explicit Store(const std::filesystem::path& path);

  // The run's manifest. Throws Error kInvalidArgument, naming what differs, where the file holds a
  // run with another one.
  void begin(const nlohmann::json& manifest);
  nlohmann::json manifest() const;  // null where there is none yet

  // Throws Error kOutOfMemory where the disk is full: what was added before stays.
  void add(std::string_view task, std::string_view protocol, const Kept& kept);
  // In the order of questions and samples.
  std::vector<Kept> answers(std::string_view task, std::string_view protocol) const;
  size_t count(std::string_view task, std::string_view protocol) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };

  void execute(const char* sql) const;
  [[noreturn]] void fail(int code) const;

  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace heng::eval
