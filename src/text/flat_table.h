// A hash table in one array, for look-ups that mostly find nothing. Filled once, then immutable and
// safe to use from many threads.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/huge_pages.h"
#include "heng/tokenizer.h"

namespace heng::text {

// All bits of `key` into all of the result.
inline uint64_t mix(uint64_t key) {
  const auto product = static_cast<unsigned __int128>(key) * 0x9E3779B97F4A7C15u;
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
}

// Two ids as one key.
inline uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// Of keys that have one value each.
struct AnyValue {
  bool operator()(const auto&) const { return true; }
};

// Value: what belongs to a key, with a TokenId `id` that is -1 in a Value{} and nowhere else.
template <typename Value>
class FlatTable {
 public:
  // At most two thirds full, so that runs of taken slots stay short.
  explicit FlatTable(size_t n_entries = 0)
      : slots_(std::bit_ceil(n_entries + n_entries / 2 + 1)),
        seen_(slots_.size() * kBitsPerSlot / 64 + 1) {}

  // Inserts, unless the key is there with a value that `same` accepts. REQUIRES: room was asked
  // for.
  template <typename Same = AnyValue>
  void insert(uint64_t key, Value value, const Same& same = {}) {
    const uint64_t hash = mix(key);
    Slot& slot = slots_[place(hash, key, same)];
    if (slot.value.id >= 0) return;
    slot = {key, value};
    seen_[bit_of(hash) / 64] |= uint64_t{1} << bit_of(hash) % 64;
  }
  // The value of `key` that `same` accepts; Value{} where there is none.
  template <typename Same = AnyValue>
  Value find(uint64_t key, const Same& same = {}) const {
    const uint64_t hash = mix(key);
    if (!(seen_[bit_of(hash) / 64] >> bit_of(hash) % 64 & 1)) return {};
    return slots_[place(hash, key, same)].value;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    Value value;
  };
  static constexpr size_t kBitsPerSlot = 8;

  size_t bit_of(uint64_t hash) const { return hash >> 32 & (slots_.size() * kBitsPerSlot - 1); }

  template <typename Same>
  size_t place(uint64_t hash, uint64_t key, const Same& same) const {
    const size_t mask = slots_.size() - 1;
    size_t at = hash & mask;
    while (slots_[at].value.id >= 0 && (slots_[at].key != key || !same(slots_[at].value))) {
      at = (at + 1) & mask;
    }
    return at;
  }

  HugeVector<Slot> slots_;
  // A bit for each hash that was inserted: what is not in the table is mostly told by these, which
  // fit into a core's own cache.
  HugeVector<uint64_t> seen_;
};

}  // namespace heng::text
