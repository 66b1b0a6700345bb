#include "engine/prefix_cache.h"

#include <algorithm>

namespace heng::engine {
namespace {

bool less(const KvEntry& a, const KvEntry& b) {
  return a.id != b.id ? a.id < b.id : a.rope_base < b.rope_base;
}

bool less(std::span<const KvEntry> a, std::span<const KvEntry> b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](const auto& x, const auto& y) { return less(x, y); });
}

size_t common_length(std::span<const KvEntry> a, std::span<const KvEntry> b) {
  const auto end = a.begin() + static_cast<ptrdiff_t>(std::min(a.size(), b.size()));
  return static_cast<size_t>(std::mismatch(a.begin(), end, b.begin()).first - a.begin());
}

}  // namespace

bool CachedBlockOrder::operator()(const Owned& a, const Owned& b) const {
  return less(a->entries, b->entries);
}
bool CachedBlockOrder::operator()(const Owned& a, std::span<const KvEntry> b) const {
  return less(a->entries, b);
}
bool CachedBlockOrder::operator()(std::span<const KvEntry> a, const Owned& b) const {
  return less(a, b->entries);
}

// From the leaves: a long text would be as deep a recursion otherwise.
PrefixCache::~PrefixCache() {
  while (!idle_.empty()) remove(idle_.front());
}

CachedBlock* PrefixCache::root(uint64_t group) {
  CachedBlock& root = roots_.try_emplace(group).first->second;
  root.group = group;
  return &root;
}

PrefixCache::Match PrefixCache::find(uint64_t group, Entries entries) {
  Match match;
  const auto root = roots_.find(group);
  if (root == roots_.end()) return match;
  for (CachedBlock* node = &root->second;;) {
    // In the order of the set, the one that shares the most stands right before or after.
    const auto after = node->children.lower_bound(entries);
    const auto consider = [&](CachedBlock::Children::iterator child) {
      const size_t same = common_length((*child)->entries, entries);
      if (same > match.tail_entries) match.tail = child->get(), match.tail_entries = same;
    };
    if (after != node->children.end()) consider(after);
    if (after != node->children.begin()) consider(std::prev(after));
    if (match.tail_entries < ops::kKvBlockTokens) return match;
    node = match.tail;
    match.blocks.push_back(node);
    match.tail = nullptr;
    match.tail_entries = 0;
    entries = entries.subspan(ops::kKvBlockTokens);
  }
}

CachedBlock* PrefixCache::find_block(uint64_t group, CachedBlock* parent, Entries entries) {
  if (!parent) {
    const auto root = roots_.find(group);
    if (root == roots_.end()) return nullptr;
    parent = &root->second;
  }
  const auto child = parent->children.find(entries);
  return child == parent->children.end() ? nullptr : child->get();
}

void PrefixCache::use(CachedBlock* node) {
  if (node->users++ == 0) idle_.erase(node->place);
}

void PrefixCache::release(CachedBlock* node) {
  if (--node->users == 0) node->place = idle_.insert(idle_.end(), node);
}

void PrefixCache::touch(CachedBlock* node) {
  if (node->users == 0) idle_.splice(idle_.end(), idle_, node->place);
}

// The new node has no users. REQUIRES: no child of `parent` begins with `entries`.
CachedBlock* PrefixCache::insert(CachedBlock* parent, Entries entries, BlockId block) {
  auto owned = std::make_unique<CachedBlock>();
  CachedBlock* node = owned.get();
  node->parent = parent;
  node->group = parent->group;
  node->entries.assign(entries.begin(), entries.end());
  node->block = block;
  node->place = idle_.insert(idle_.end(), node);
  const auto at = parent->children.insert(std::move(owned)).first;
  if (at != parent->children.begin()) {
    CachedBlock* before = std::prev(at)->get();
    if (common_length(before->entries, entries) == before->entries.size()) {
      pool_.give_back(before->block);  // a tail that this one goes on from
      remove(before);
    }
  }
  return node;
}

void PrefixCache::remove(CachedBlock* node) {
  CachedBlock* parent = node->parent;
  idle_.erase(node->place);
  parent->children.erase(parent->children.find(Entries(node->entries)));
  if (!parent->parent && parent->children.empty()) roots_.erase(parent->group);
}

CachedBlock* PrefixCache::add(uint64_t group, CachedBlock* parent, Entries entries, BlockId block) {
  CachedBlock* node = find_block(group, parent, entries);
  if (node) {
    pool_.give_back(block);
  } else {
    node = insert(parent ? parent : root(group), entries, block);
  }
  use(node);
  return node;
}

void PrefixCache::add_tail(uint64_t group, CachedBlock* parent, Entries entries, BlockId block) {
  if (!parent) parent = root(group);
  const auto after = parent->children.lower_bound(entries);
  const bool known = after != parent->children.end() &&
                     common_length((*after)->entries, entries) == entries.size();
  if (known) {
    pool_.give_back(block);
    touch(after->get());
  } else {
    insert(parent, entries, block);
  }
}

std::optional<BlockId> PrefixCache::take() {
  if (const auto block = pool_.take()) return block;
  if (idle_.empty()) return std::nullopt;
  CachedBlock* oldest = idle_.front();
  const BlockId block = oldest->block;
  remove(oldest);
  ++n_evicted_;
  return block;
}

}  // namespace heng::engine
