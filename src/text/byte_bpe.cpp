#include "text/byte_bpe.h"

#include <algorithm>

#include "text/utf8.h"

namespace heng::text {
namespace {

uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// Order of a max-heap whose top is the lowest rank, leftmost of equals.
constexpr auto kLater = [](const auto& a, const auto& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
};

}  // namespace

ByteBpe::ByteBpe(Vocabulary vocabulary)
    : vocabulary_(std::move(vocabulary)), by_rank_(true), take_whole_(true) {
  index_plain_tokens();
}

ByteBpe::ByteBpe(Vocabulary vocabulary, const std::vector<Merge>& merges, WholePiece whole_piece,
                 Symbols symbols)
    : vocabulary_(std::move(vocabulary)),
      by_rank_(false),
      take_whole_(whole_piece == WholePiece::kTakeToken),
      from_characters_(symbols == Symbols::kCharacters) {
  index_plain_tokens();
  merges_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    merges_.try_emplace(pair_key(merge.left, merge.right),
                        Step{static_cast<uint32_t>(rank), merge.merged});
  }
}

void ByteBpe::index_plain_tokens() {
  plain_.reserve(vocabulary_.bytes.size());
  for (size_t id = 0; id < vocabulary_.bytes.size(); ++id) {
    const std::string& bytes = vocabulary_.bytes[id];
    if (vocabulary_.kinds[id] != TokenKind::kPlain || bytes.empty()) continue;
    plain_.emplace(bytes, static_cast<TokenId>(id));
    longest_ = std::max(longest_, bytes.size());
  }
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    byte_ids_[b] = from_characters_ ? -1 : find({&byte, 1});
  }
  if (!from_characters_) return;
  for (size_t id = 0; id < vocabulary_.bytes.size(); ++id) {
    if (vocabulary_.kinds[id] != TokenKind::kByte) continue;
    byte_ids_[static_cast<uint8_t>(vocabulary_.bytes[id][0])] = static_cast<TokenId>(id);
  }
}

TokenId ByteBpe::find(std::string_view bytes) const {
  if (bytes.size() > longest_) return -1;
  const auto found = plain_.find(bytes);
  return found == plain_.end() ? -1 : found->second;
}

bool ByteBpe::has_all_bytes() const {
  return std::none_of(std::begin(byte_ids_), std::end(byte_ids_),
                      [](TokenId id) { return id < 0; });
}

bool ByteBpe::has_all_utf8_bytes() const {
  for (int b = 0; b < 0xF5; ++b) {
    if (byte_ids_[b] < 0 && b != 0xC0 && b != 0xC1) return false;
  }
  return true;
}

void ByteBpe::encode_piece(std::string_view piece, BpeScratch& scratch,
                           std::vector<TokenId>& ids) const {
  if (take_whole_) {
    if (const TokenId whole = find(piece); whole >= 0) {
      ids.push_back(whole);
      return;
    }
  }
  split_to_symbols(piece, scratch);
  merge_all(piece, scratch);
  for (const auto& symbol : scratch.symbols_) {
    if (symbol.id >= 0) ids.push_back(symbol.id);
  }
}

void ByteBpe::split_to_symbols(std::string_view piece, BpeScratch& scratch) const {
  auto& symbols = scratch.symbols_;
  symbols.clear();
  const auto push = [&](size_t begin, size_t length, TokenId id) {
    if (id < 0) return;
    const auto index = static_cast<int32_t>(symbols.size());
    if (index > 0) symbols.back().next = index;
    symbols.push_back(
        {static_cast<uint32_t>(begin), static_cast<uint32_t>(length), index - 1, -1, id});
  };
  for (size_t i = 0; i < piece.size();) {
    const size_t length = from_characters_ ? utf8_step(piece.substr(i)).length : 1;
    const TokenId whole = from_characters_ ? find(piece.substr(i, length)) : -1;
    if (whole >= 0) {
      push(i, length, whole);
    } else {
      for (size_t b = i; b < i + length; ++b) {
        push(b, 1, byte_ids_[static_cast<uint8_t>(piece[b])]);
      }
    }
    i += length;
  }
}

// Queues the pair of `left` and its neighbour, where it can merge. Not yet ordered as a heap.
void ByteBpe::push_candidate(std::string_view piece, int32_t left, BpeScratch& scratch) const {
  if (left < 0 || scratch.symbols_[left].next < 0) return;
  const auto& a = scratch.symbols_[left];
  const auto& b = scratch.symbols_[a.next];
  uint32_t rank;
  TokenId merged;
  if (by_rank_) {
    merged = find(piece.substr(a.begin, a.length + b.length));
    if (merged < 0) return;
    rank = static_cast<uint32_t>(merged);
  } else {
    const auto found = merges_.find(pair_key(a.id, b.id));
    if (found == merges_.end()) return;
    rank = found->second.rank;
    merged = found->second.merged;
  }
  scratch.queue_.push_back({rank, static_cast<uint32_t>(left), a.id, b.id, merged});
  ++scratch.work.candidates;
}

void ByteBpe::merge_all(std::string_view piece, BpeScratch& scratch) const {
  auto& symbols = scratch.symbols_;
  auto& queue = scratch.queue_;
  queue.clear();
  for (size_t i = 0; i < symbols.size(); ++i) {
    push_candidate(piece, static_cast<int32_t>(i), scratch);
  }
  std::make_heap(queue.begin(), queue.end(), kLater);
  while (!queue.empty()) {
    const BpeScratch::Candidate best = queue.front();
    std::pop_heap(queue.begin(), queue.end(), kLater);
    queue.pop_back();
    auto& left = symbols[best.left];
    if (left.id != best.left_id || left.next < 0 || symbols[left.next].id != best.right_id)
      continue;
    auto& right = symbols[left.next];
    left.id = best.merged_id;
    left.length += right.length;
    left.next = right.next;
    right.id = -1;
    const auto index = static_cast<int32_t>(best.left);
    if (left.next >= 0) symbols[left.next].previous = index;
    ++scratch.work.merges;
    for (const int32_t first : {left.previous, index}) {
      const size_t before = queue.size();
      push_candidate(piece, first, scratch);
      if (queue.size() > before) std::push_heap(queue.begin(), queue.end(), kLater);
    }
  }
}

}  // namespace heng::text
