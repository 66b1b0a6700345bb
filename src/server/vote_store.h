// Votes on blind rounds, kept in a SQLite file: which models stood in which order, and what was
// chosen. No text of a question or reply. Owns the connection; safe to use from many threads.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

struct sqlite3;

namespace heng::server {

struct StoredVote {
  static constexpr int kTie = -1, kAllBad = -2;
  std::vector<std::string> models;  // in the order they were shown
  int choice = kTie;                // place in `models`, or one of the above
};

class VoteStore {
 public:
  // Makes the file and its folder where there are none. Throws Error naming the file: kCorrupt
  // where it is another database, kInvalidArgument where it cannot be written.
  explicit VoteStore(const std::filesystem::path& file);
  ~VoteStore();

  // Both throw Error as the constructor.
  void add(const StoredVote& vote);
  std::vector<StoredVote> all() const;

 private:
  class Statement;
  [[noreturn]] void fail(const std::string& doing) const;
  void run(const char* sql);

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  sqlite3* db_ = nullptr;
};

}  // namespace heng::server
