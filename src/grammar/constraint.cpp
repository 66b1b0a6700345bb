#include "heng/constraint.h"

#include <algorithm>
#include <array>
#include <limits>

#include "grammar/constraint_impl.h"
#include "heng/error.h"

namespace heng {
namespace {

constexpr size_t kMostStates = 30'000;  // about a kilobyte each
constexpr size_t kMostMaskBytes = 64u << 20;
constexpr auto kDead = grammar::Automaton::kDead;

}  // namespace

bool ConstraintCompiler::Vocabulary::is_end(TokenId id) const {
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

std::string_view ConstraintCompiler::Vocabulary::text(TokenId id, bool is_first) const {
  if (id < 0 || static_cast<size_t>(id) >= texts.size()) return {};
  std::string_view bytes = texts[static_cast<size_t>(id)];
  if (is_first && drops_first_space && bytes.starts_with(' ')) bytes.remove_prefix(1);
  return bytes;
}

Constraint::Constraint(grammar::Program program, std::shared_ptr<const Vocabulary> vocabulary)
    : vocabulary_(std::move(vocabulary)), automaton_(std::move(program)) {}

Constraint::State Constraint::next(State state, TokenId id, bool is_first) const {
  if (vocabulary_->is_end(id)) return is_complete(state) ? kEnded : kDead;
  const std::string_view bytes = vocabulary_->text(id, is_first);
  if (bytes.empty() || state == kEnded) return kDead;
  for (size_t i = 0; i < bytes.size() && state != kDead; ++i) {
    state = automaton_.next(state, static_cast<uint8_t>(bytes[i]));
  }
  return state;
}

void Constraint::apply(State state, bool is_first, std::span<float> logits) const {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const Mask& allowed = mask(state, is_first);
  const size_t n = std::min(logits.size(), allowed.size() * 64);
  for (size_t i = 0; i < n; i += 64) {
    const uint64_t bits = allowed[i / 64];
    if (bits == ~uint64_t{0}) continue;
    const size_t block = std::min<size_t>(64, n - i);
    for (size_t j = 0; j < block; ++j) {
      if ((bits >> j & 1) == 0) logits[i + j] = kNever;
    }
  }
  for (size_t i = n; i < logits.size(); ++i) logits[i] = kNever;
}

void Constraint::limit_memory() const {
  const size_t mask_bytes = masks_.size() * ((vocabulary_->texts.size() + 63) / 64) * 8;
  if (automaton_.size() < kMostStates && mask_bytes < kMostMaskBytes) return;
  automaton_.forget();
  masks_.clear();
  ++epoch_;
}

const Constraint::Mask& Constraint::mask(State state, bool is_first) const {
  const int64_t key = int64_t{state} * 2 + is_first;
  const auto known = masks_.find(key);
  if (known != masks_.end()) return known->second;
  return masks_.emplace(key, make_mask(state, is_first)).first->second;
}

Constraint::Mask Constraint::make_mask(State state, bool is_first) const {
  Mask mask((vocabulary_->texts.size() + 63) / 64);
  if (is_complete(state)) {
    for (const TokenId id : vocabulary_->ends) mask[id / 64] |= uint64_t{1} << (id % 64);
  }
  if (state == kEnded) return mask;
  const auto nodes = vocabulary_->trie->nodes();
  if (!is_first || !vocabulary_->drops_first_space) {
    walk(state, 0, nodes.size(), mask);
    return mask;
  }
  // Tokens that begin with a space stand for what follows it.
  for (size_t i = 0; i < nodes.size(); i = nodes[i].skip) {
    const bool space = nodes[i].byte == ' ';
    walk(state, i + space, nodes[i].skip, mask);
  }
  return mask;
}

// Sets the bits of the tokens that end in nodes from `begin` to `end`, a forest, read from `state`
// on.
void Constraint::walk(State state, size_t begin, size_t end, Mask& mask) const {
  const grammar::TokenTrie& trie = *vocabulary_->trie;
  const auto nodes = trie.nodes();
  if (begin >= end) return;
  std::array<State, grammar::TokenTrie::kLongestToken + 1> path;
  const size_t above = nodes[begin].depth - 1u;
  path[above] = state;
  for (size_t i = begin; i < end;) {
    const auto& node = nodes[i];
    const State reached = automaton_.next(path[node.depth - 1u], node.byte);
    if (reached == kDead) {
      i = node.skip;
      continue;
    }
    path[node.depth] = reached;
    for (const TokenId id : trie.tokens(i)) mask[id / 64] |= uint64_t{1} << (id % 64);
    ++i;
  }
}

ConstrainedReply::ConstrainedReply(std::shared_ptr<const Constraint> constraint)
    : constraint_(std::move(constraint)) {}

void ConstrainedReply::operator()(std::span<float> logits, std::span<const TokenId> reply) {
  const auto lock = constraint_->lock();
  constraint_->limit_memory();
  advance(reply);
  constraint_->apply(state_, reply.empty(), logits);
}

bool ConstrainedReply::is_complete(std::span<const TokenId> reply) {
  const auto lock = constraint_->lock();
  advance(reply);
  return constraint_->is_complete(state_);
}

void ConstrainedReply::advance(std::span<const TokenId> reply) {
  const bool goes_on = epoch_ == constraint_->epoch() && reply.size() >= reply_.size() &&
                       std::equal(reply_.begin(), reply_.end(), reply.begin());
  if (!goes_on || reply_.empty()) {
    reply_.clear();
    state_ = constraint_->start();
    epoch_ = constraint_->epoch();
  }
  for (size_t i = reply_.size(); i < reply.size(); ++i) {
    const auto next = constraint_->next(state_, reply[i], i == 0);
    if (next == kDead) {
      throw Error(ErrorCode::kInvalidArgument,
                  "constraint: token " + std::to_string(i) + " of the reply, id " +
                      std::to_string(reply[i]) +
                      ", cannot come there: the reply was not made under this constraint.");
    }
    state_ = next;
    reply_.push_back(reply[i]);
  }
}

}  // namespace heng
