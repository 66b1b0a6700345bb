#include "text/linear_bpe.h"

#include "heng/error.h"

namespace heng::text {
namespace {

constexpr size_t kBytes = 256;

uint32_t bit_of(int32_t right) {
  return 1u << (mix(static_cast<uint32_t>(right)) >> 59);
}

std::vector<std::string_view> spellings(std::span<const LinearBpe::Token> tokens) {
  std::vector<std::string_view> all;
  for (const auto& token : tokens) all.push_back(token.bytes);
  return all;
}

}  // namespace

LinearBpe::LinearBpe(std::span<const Token> tokens)
    : entries_(tokens.size()),
      lengths_(tokens.size()),
      tree_(spellings(tokens)),
      pairs_(tokens.size()) {}

std::optional<LinearBpe> LinearBpe::make(
    std::span<const Token> tokens, const std::function<bool(std::string_view)>& merges_to_itself) {
  LinearBpe made(tokens);
  for (size_t rank = 0; rank < tokens.size(); ++rank) {
    // Of several merges that make one token the first that can happen always does.
    if (!made.is_known(tokens[rank].bytes)) made.add(tokens[rank], static_cast<int32_t>(rank));
  }
  // What stayed unknown never comes out, or is made of later ones.
  for (const Token& token : tokens) {
    if (!made.is_known(token.bytes) && merges_to_itself(token.bytes)) return std::nullopt;
  }
  return made;
}

bool LinearBpe::is_known(std::string_view bytes) const {
  return tree_.longest(bytes).length == bytes.size();
}

void LinearBpe::add(const Token& token, int32_t rank) {
  Entry entry{token.id, rank, rank};
  if (static_cast<size_t>(rank) >= kBytes) {
    if (!find_halves(token, entry)) return;
    entries_[static_cast<size_t>(entry.left)].rights |= bit_of(entry.right);
    pairs_.insert(pair_key(entry.left, entry.right), {rank});
  }
  entries_[static_cast<size_t>(rank)] = entry;
  lengths_[static_cast<size_t>(rank)] = static_cast<uint32_t>(token.bytes.size());
  tree_.set(token.bytes, rank);
}

bool LinearBpe::find_halves(const Token& token, Entry& entry) const {
  size_t steps = 0;
  const size_t least = token.split > 0 ? token.split : 1;
  for (size_t most = token.split > 0 ? token.split : token.bytes.size() - 1; most >= least;) {
    const auto left = tree_.longest(token.bytes.substr(0, most));
    if (left.length < least) return false;
    const std::string_view rest = token.bytes.substr(left.length);
    const auto right = tree_.longest(rest);
    if (right.length == rest.size() && may_meet(left.value, right.value, steps)) {
      entry.left = left.value;
      entry.right = right.value;
      return true;
    }
    most = left.length - 1;
  }
  return false;
}

bool LinearBpe::may_meet(int32_t left, int32_t right, size_t& steps) const {
  // What would have merged before the tokens were whole. A merge across the cut that is as late as
  // one left of it comes after it, one right of it before.
  int32_t limit = INT32_MAX;
  while (true) {
    ++steps;
    const Entry& l = entries_[static_cast<size_t>(left)];
    const Entry& r = entries_[static_cast<size_t>(right)];
    if (l.rights & bit_of(right)) {
      const TokenId across = pairs_.find(pair_key(left, right)).id;
      if (across >= 0 && across < limit) return false;
    }
    const bool left_is_whole = l.right == left, right_is_whole = r.left == right;
    if (left_is_whole && right_is_whole) return true;
    if (right_is_whole || (!left_is_whole && left > right)) {
      limit = left;
      left = l.right;
    } else {
      limit = right + 1;
      right = r.left;
    }
  }
}

void LinearBpe::encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const {
  auto& taken = scratch.taken;
  auto& closed = scratch.closed;
  taken.clear();
  closed.assign(piece.size() / 64 + 1, 0);
  for (size_t at = 0; at < piece.size();) {
    auto next = tree_.longest(piece.substr(at));
    while (true) {
      const size_t end = at + next.length;
      const bool is_open = !(closed[end / 64] >> end % 64 & 1);
      if (is_open && (taken.empty() || may_meet(taken.back(), next.value, scratch.steps))) {
        taken.push_back(next.value);
        at = end;
        break;
      }
      if (next.length == 1) {  // none that begins here is right: neither was the one before
        if (taken.empty()) throw Error(ErrorCode::kInternal, "text: no way to cut a piece.");
        closed[at / 64] |= uint64_t{1} << at % 64;
        next = {taken.back(), lengths_[static_cast<size_t>(taken.back())]};
        taken.pop_back();
        at -= next.length;
      } else {
        next = tree_.longest(piece.substr(at, next.length - 1));
      }
    }
  }
  for (const int32_t rank : taken) ids.push_back(entries_[static_cast<size_t>(rank)].id);
}

}  // namespace heng::text
