// A hash table in one array, for look-ups that mostly find nothing: one cache line tells. Filled
// once, then immutable and safe to use from many threads.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "heng/tokenizer.h"

namespace heng::text {

// All bits of `key` into all of the result.
inline uint64_t mix(uint64_t key) {
  const auto product = static_cast<unsigned __int128>(key) * 0x9E3779B97F4A7C15u;
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
}

// Value: what belongs to a key, with a TokenId `id` that is -1 in a Value{} and nowhere else.
template <typename Value>
class FlatTable {
 public:
  // At most half full, so that runs of taken slots stay short.
  explicit FlatTable(size_t n_entries = 0) : slots_(std::bit_ceil(2 * n_entries + 1)) {}

  // Inserts, unless the key is there with a value that `same` accepts. REQUIRES: room was asked
  // for.
  template <typename Same>
  void insert(uint64_t key, Value value, const Same& same) {
    Slot& slot = slots_[place(key, same)];
    if (slot.value.id < 0) slot = {key, value};
  }
  // The value of `key` that `same` accepts; Value{} where there is none.
  template <typename Same>
  const Value& find(uint64_t key, const Same& same) const {
    return slots_[place(key, same)].value;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    Value value;
  };

  template <typename Same>
  size_t place(uint64_t key, const Same& same) const {
    const size_t mask = slots_.size() - 1;
    size_t at = mix(key) & mask;
    while (slots_[at].value.id >= 0 && (slots_[at].key != key || !same(slots_[at].value))) {
      at = (at + 1) & mask;
    }
    return at;
  }

  std::vector<Slot> slots_;
};

}  // namespace heng::text
