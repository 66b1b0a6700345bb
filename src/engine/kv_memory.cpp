#include "engine/kv_memory.h"

#include <algorithm>

namespace heng::engine {

using ops::kKvBlockTokens;

void KvMemory::append(SequenceKv& kv, BlockId block) {
  kv.own.push_back(block);
  kv.data.push_back(pool_.data(block));
}

std::optional<size_t> KvMemory::begin(SequenceKv& kv, std::span<const KvEntry> entries,
                                      size_t positions, size_t spare) {
  PrefixCache::Match match = cache_.find(kv.group, entries);
  for (CachedBlock* node : match.blocks) {
    cache_.use(node);
    kv.shared.push_back(node);
    kv.data.push_back(pool_.data(node->block));
  }
  const size_t more = blocks_for(positions) - kv.shared.size();
  if (cache_.available() < more + spare) {
    release_shared(kv);
    kv.data.clear();
    return std::nullopt;
  }
  if (match.tail) {
    // Last in the order of eviction: if even so it is the block that comes out, its contents are in
    // place already.
    cache_.touch(match.tail);
    const BlockId from = match.tail->block, to = *cache_.take();
    if (from != to) pool_.copy(from, to);
    append(kv, to);
  }
  while (kv.data.size() < blocks_for(positions)) append(kv, *cache_.take());
  return kv.shared.size() * kKvBlockTokens + match.tail_entries;
}

bool KvMemory::grow(SequenceKv& kv, size_t positions) {
  const size_t wanted = blocks_for(positions);
  if (wanted > kv.data.size() + cache_.available()) return false;
  while (kv.data.size() < wanted) append(kv, *cache_.take());
  return true;
}

bool KvMemory::adopt(SequenceKv& kv, std::span<const KvEntry> entries) {
  CachedBlock* node = cache_.find_block(kv.group, kv.last_shared(), entries);
  if (!node) return false;
  cache_.use(node);
  pool_.give_back(kv.own.front());
  kv.own.erase(kv.own.begin());
  kv.data[kv.shared.size()] = pool_.data(node->block);
  kv.shared.push_back(node);
  return true;
}

void KvMemory::share(SequenceKv& kv, std::span<const KvEntry> entries) {
  size_t n = 0;
  while ((kv.shared.size() + 1) * kKvBlockTokens <= entries.size()) {
    const size_t at = kv.shared.size();
    const auto held = entries.subspan(at * kKvBlockTokens, kKvBlockTokens);
    CachedBlock* node = cache_.add(kv.group, kv.last_shared(), held, kv.own[n++]);
    kv.data[at] = pool_.data(node->block);
    kv.shared.push_back(node);
  }
  kv.own.erase(kv.own.begin(), kv.own.begin() + static_cast<ptrdiff_t>(n));
}

void KvMemory::end(SequenceKv& kv, std::span<const KvEntry> entries) {
  share(kv, entries);
  const auto rest = entries.subspan(kv.shared.size() * kKvBlockTokens);
  size_t kept = 0;
  if (!rest.empty()) {
    cache_.add_tail(kv.group, kv.last_shared(), rest, kv.own.front());
    kept = 1;
  }
  for (size_t i = kept; i < kv.own.size(); ++i) pool_.give_back(kv.own[i]);
  kv.own.clear();
  kv.data.clear();
  release_shared(kv);
}

void KvMemory::discard(SequenceKv& kv) {
  for (const BlockId block : kv.own) {
    pool_.clear(block);
    pool_.give_back(block);
  }
  kv.own.clear();
  kv.data.clear();
  release_shared(kv);
}

void KvMemory::release_shared(SequenceKv& kv) {
  while (!kv.shared.empty()) {
    cache_.release(kv.shared.back());
    kv.shared.pop_back();
  }
}

}  // namespace heng::engine
