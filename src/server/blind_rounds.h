// Rounds of models whose names are hidden until the vote: the page gets names like "blind-ID-1" and
// asks these; which model stands behind which is drawn here, and told when the round is closed.
// Rounds live in memory, the oldest goes when there are too many. Safe to use from many threads.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace heng::server {

class BlindRounds {
 public:
  static constexpr size_t kMostOpen = 4096;
  struct Opened {
    std::string id;
    std::vector<std::string> columns;  // names to ask
  };
  struct Closed {
    std::vector<std::string> models;  // behind the columns
  };

  // Shuffles.
  Opened open(std::vector<std::string> models);
  // The model behind a column, noted as asked; nullopt: no column of an open round.
  std::optional<std::string> ask(const std::string& column);
  // Throws ApiError: 404 for no open round, 400 for a column that it has not, 409 where a column
  // was never asked, unless `always`: a vote is about replies.
  Closed close(const std::string& id, bool always, int choice);

 private:
  struct Round {
    std::vector<std::string> models;
    std::vector<bool> asked;
  };
  std::mutex mutex_;
  std::map<std::string, Round> rounds_;
  std::deque<std::string> order_;  // ids, oldest first; those closed meanwhile included
};

}  // namespace heng::server
