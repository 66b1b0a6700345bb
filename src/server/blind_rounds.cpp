#include "server/blind_rounds.h"

#include <algorithm>
#include <random>

#include "server/api_error.h"

namespace heng::server {
namespace {

constexpr std::string_view kHead = "blind-";
constexpr size_t kIdLength = 32;

std::string column_name(const std::string& id, size_t place) {
  return std::string(kHead) + id + "-" + std::to_string(place + 1);
}

}  // namespace

BlindRounds::Opened BlindRounds::open(std::vector<std::string> models) {
  std::random_device random;  // not to be guessed from earlier rounds
  std::shuffle(models.begin(), models.end(), random);
  Opened opened;
  for (size_t i = 0; i < kIdLength / 8; ++i) {
    char text[9];
    std::snprintf(text, sizeof(text), "%08x", random());
    opened.id += text;
  }
  for (size_t i = 0; i < models.size(); ++i) opened.columns.push_back(column_name(opened.id, i));
  const std::lock_guard lock(mutex_);
  if (order_.size() >= kMostOpen) {
    rounds_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(opened.id);
  const size_t n = models.size();
  rounds_[opened.id] = {std::move(models), std::vector<bool>(n, false)};
  return opened;
}

std::optional<std::string> BlindRounds::ask(const std::string& column) {
  if (!column.starts_with(kHead) || column.size() != kHead.size() + kIdLength + 2) {
    return std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  const auto round = rounds_.find(column.substr(kHead.size(), kIdLength));
  if (round == rounds_.end()) return std::nullopt;
  for (size_t i = 0; i < round->second.models.size(); ++i) {
    if (column != column_name(round->first, i)) continue;
    round->second.asked[i] = true;
    return round->second.models[i];
  }
  return std::nullopt;
}

BlindRounds::Closed BlindRounds::close(const std::string& id, bool always, int choice) {
  const std::lock_guard lock(mutex_);
  const auto round = rounds_.find(id);
  if (round == rounds_.end()) {
    throw ApiError(404, "round: no open round has this id; it was voted on, or is long ago.",
                   "round", "round_not_found");
  }
  const auto& asked = round->second.asked;
  if (!always && std::find(asked.begin(), asked.end(), false) != asked.end()) {
    throw ApiError(409, "round: a vote needs a reply in every column.", "round", "round_not_asked");
  }
  if (choice >= static_cast<int>(asked.size())) {
    throw ApiError(400, "choice: the round has " + std::to_string(asked.size()) + " columns.",
                   "choice", "invalid_value");
  }
  Closed closed{std::move(round->second.models)};
  rounds_.erase(round);
  return closed;
}

}  // namespace heng::server
