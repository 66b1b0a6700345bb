// The answers of a run in a SQLite file, each on the disk as it comes (write-ahead log): whatever
// ends the program, the next run goes on behind the last answer. Owns the open file; one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "database/database.h"
#include "eval/answerer.h"

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
  // Opens or makes `path`. Throws Error as database::Database; kCorrupt too where it is no run of
  // heng.
  explicit Store(const std::filesystem::path& path);

  // The run's manifest. Throws Error kInvalidArgument, naming what differs, where the file holds a
  // run with another one.
  void begin(const nlohmann::json& manifest);
  nlohmann::json manifest() const;  // null where there is none yet

  // Both throw Error as database::Database.
  void add(std::string_view task, std::string_view protocol, const Kept& kept);
  // In the order of questions and samples.
  std::vector<Kept> answers(std::string_view task, std::string_view protocol) const;

  const std::filesystem::path& path() const { return database_.path(); }

 private:
  database::Database database_;
};

}  // namespace heng::eval
