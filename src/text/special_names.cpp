#include "text/special_names.h"

#include <algorithm>
#include <cstdint>

namespace heng::text {

SpecialNames::SpecialNames(std::vector<Entry> entries) {
  for (Entry& entry : entries) {
    if (entry.name.empty()) continue;
    lengths_[static_cast<uint8_t>(entry.name[0])].push_back(entry.name.size());
    ids_.try_emplace(std::move(entry.name), entry.id);
  }
  for (auto& lengths : lengths_) {
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  }
}

std::optional<TokenId> SpecialNames::find(std::string_view name) const {
  const auto found = ids_.find(std::string(name));
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

void SpecialNames::partition(std::string_view text,
                             const std::function<void(std::string_view)>& plain,
                             const std::function<void(TokenId)>& special) const {
  size_t plain_begin = 0;
  for (size_t at = 0; at < text.size();) {
    std::optional<TokenId> id;
    size_t length = 1;
    for (const size_t candidate : lengths_[static_cast<uint8_t>(text[at])]) {
      if (candidate > text.size() - at) continue;
      id = find(text.substr(at, candidate));
      if (!id) continue;
      length = candidate;
      break;
    }
    if (id) {
      if (at > plain_begin) plain(text.substr(plain_begin, at - plain_begin));
      special(*id);
      plain_begin = at + length;
    }
    at += length;
  }
  if (plain_begin < text.size()) plain(text.substr(plain_begin));
}

}  // namespace heng::text
