// Votes on blind rounds, kept in a SQLite file: which models stood in which order, and what was
// chosen. No text of a question or reply. Owns the connection; safe to use from many threads.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "database/database.h"

namespace heng::server {

struct StoredVote {
  static constexpr int kTie = -1, kAllBad = -2;
  std::vector<std::string> models;  // in the order they were shown
  int choice = kTie;                // place in `models`, or one of the above
};

class VoteStore {
 public:
  // Makes the file and its folder where there are none. Throws Error as database::Database.
  explicit VoteStore(const std::filesystem::path& file);

  // Both throw Error as the constructor.
  void add(const StoredVote& vote);
  std::vector<StoredVote> all() const;

 private:
  mutable std::mutex mutex_;
  database::Database database_;
};

}  // namespace heng::server
