#include "text/byte_bpe.h"

#include <algorithm>
#include <cstring>

#include "text/utf8.h"

namespace heng::text {
namespace {

template <typename Word>
uint64_t word_at(const char* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

constexpr size_t kWord = sizeof(uint64_t);

// The bytes themselves where they fit into eight, else a hash of them. REQUIRES: not empty.
uint64_t key_of(std::string_view bytes) {
  const char* begin = bytes.data();
  const size_t n = bytes.size();
  if (n < 4) {  // the first, the middle and the last
    const auto byte = [&](size_t at) { return uint64_t{static_cast<uint8_t>(begin[at])}; };
    return byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
  }
  if (n <= kWord) return word_at<uint32_t>(begin) | word_at<uint32_t>(begin + n - 4) << 32;
  uint64_t key = n;
  for (size_t at = 0; at + kWord < n; at += kWord) key = mix(key ^ word_at<uint64_t>(begin + at));
  return mix(key ^ word_at<uint64_t>(begin + n - kWord));
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
      list_(merges),
      by_rank_(false),
      take_whole_(whole_piece == WholePiece::kTakeToken),
      from_characters_(symbols == Symbols::kCharacters) {
  index_plain_tokens();
  merges_ = FlatTable<Step>(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    merges_.insert(pair_key(merge.left, merge.right), {static_cast<uint32_t>(rank), merge.merged});
  }
}

void ByteBpe::index_plain_tokens() {
  plain_ = FlatTable<Token>(vocabulary_.bytes.size());
  for (size_t id = 0; id < vocabulary_.bytes.size(); ++id) {
    const std::string& bytes = vocabulary_.bytes[id];
    if (vocabulary_.kinds[id] != TokenKind::kPlain || bytes.empty()) continue;
    plain_.insert(key_of(bytes), {static_cast<uint32_t>(bytes.size()), static_cast<TokenId>(id)},
                  [&](const Token& token) { return is_spelled(token, bytes); });
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

void ByteBpe::expect(size_t text_bytes) const {
  // About the text that is encoded in the time that making it takes.
  constexpr size_t kMany = 1u << 20;
  if (linear_->is_made || (linear_->expected_bytes += text_bytes) < kMany) return;
  std::call_once(linear_->once, [this] {
    linear_->bpe = make_linear();
    linear_->is_made = true;
  });
}

std::optional<LinearBpe> ByteBpe::make_linear() const {
  if (from_characters_ || !has_all_bytes()) return std::nullopt;
  BpeScratch scratch;
  std::vector<TokenId> ids;
  return LinearBpe::make(in_order(), [&](std::string_view bytes) {
    ids.clear();
    merge(bytes, scratch, ids);
    return ids.size() == 1;
  });
}

std::vector<LinearBpe::Token> ByteBpe::in_order() const {
  std::vector<LinearBpe::Token> tokens;
  for (const TokenId id : byte_ids_) tokens.push_back({spelling(id), id});
  for (const Merge& merge : list_) {
    tokens.push_back({spelling(merge.merged), merge.merged, spelling(merge.left).size()});
  }
  for (size_t id = 0; by_rank_ && id < vocabulary_.bytes.size(); ++id) {
    const std::string& bytes = vocabulary_.bytes[id];
    if (vocabulary_.kinds[id] != TokenKind::kPlain || bytes.size() < 2) continue;
    tokens.push_back({bytes, static_cast<TokenId>(id)});
  }
  return tokens;
}

bool ByteBpe::is_spelled(const Token& token, std::string_view bytes) const {
  if (token.length != bytes.size()) return false;
  return token.length <= kWord ||  // the key was all of it
         vocabulary_.bytes[static_cast<size_t>(token.id)] == bytes;
}

TokenId ByteBpe::find(std::string_view bytes) const {
  if (bytes.empty() || bytes.size() > longest_) return -1;
  return plain_.find(key_of(bytes), [&](const Token& token) { return is_spelled(token, bytes); })
      .id;
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
  if (!linear_->is_made || !linear_->bpe) return merge(piece, scratch, ids);
  linear_->bpe->encode(piece, scratch.linear_, ids);
  scratch.work.candidates = scratch.linear_.steps;
}

void ByteBpe::merge(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& ids) const {
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

ByteBpe::Step ByteBpe::step(std::string_view bytes, TokenId left, TokenId right) const {
  if (!by_rank_) return merges_.find(pair_key(left, right));
  const TokenId merged = find(bytes);
  return merged < 0 ? Step{} : Step{static_cast<uint32_t>(merged), merged};
}

// Queues the pair of `left` and its neighbour, where it can merge. Not yet ordered as a heap.
void ByteBpe::push_candidate(std::string_view piece, int32_t left, BpeScratch& scratch) const {
  if (left < 0 || scratch.symbols_[left].next < 0) return;
  const auto& a = scratch.symbols_[left];
  const auto& b = scratch.symbols_[a.next];
  const Step merge = step(piece.substr(a.begin, a.length + b.length), a.id, b.id);
  if (merge.id < 0) return;
  scratch.queue_.push_back({merge.rank, static_cast<uint32_t>(left), a.id, b.id, merge.id});
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
