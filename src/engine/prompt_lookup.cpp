#include "engine/prompt_lookup.h"

#include <algorithm>

namespace heng::engine {

std::span<const TokenId> look_up(std::span<const TokenId> ids, size_t most) {
  constexpr size_t kLeast = 2, kMost = 4;
  if (most == 0) return {};
  size_t best = kLeast - 1, place = 0;
  for (size_t end = ids.size() - std::min<size_t>(ids.size(), 1); end > best && best < kMost;
       --end) {
    size_t n = 0;
    while (n < std::min(kMost, end) && ids[end - 1 - n] == ids[ids.size() - 1 - n]) ++n;
    if (n > best) {
      best = n;
      place = end;
    }
  }
  if (best < kLeast) return {};
  return ids.subspan(place, std::min(most, ids.size() - place));
}

}  // namespace heng::engine
