// A compiled form beside the vocabulary it is written in, with the masks that were made so far.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/token_trie.h"
#include "heng/constraint.h"

namespace heng {

struct ConstraintCompiler::Vocabulary {
  std::vector<std::string> texts;  // of each id; empty for tokens that are never written
  std::vector<TokenId> ends;
  bool drops_first_space;
  grammar::Alphabet alphabet;  // the bytes that are tokens
  std::unique_ptr<const grammar::TokenTrie> trie;

  bool is_end(TokenId id) const;
  // What `id` adds to a reply.
  std::string_view text(TokenId id, bool is_first) const;
};

class Constraint {
 public:
  using Vocabulary = ConstraintCompiler::Vocabulary;
  // Where a reply stands: a state of the automaton, or behind its end.
  using State = grammar::Automaton::State;
  static constexpr State kEnded = -2;

  Constraint(grammar::Program program, std::shared_ptr<const Vocabulary> vocabulary);

  // Whoever reads states or masks holds it.
  std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }
  size_t epoch() const { return epoch_; }

  State start() const { return automaton_.start(); }
  // kDead where the token cannot come.
  State next(State state, TokenId id, bool is_first) const;
  bool is_complete(State state) const { return state == kEnded || automaton_.is_complete(state); }
  // Sets the scores of what may not come to -infinity.
  void apply(State state, bool is_first, std::span<float> logits) const;
  // Forgets states and masks where they have become many; then epoch() is another.
  void limit_memory() const;

 private:
  using Mask = std::vector<uint64_t>;  // a bit for each token

  const Mask& mask(State state, bool is_first) const;
  Mask make_mask(State state, bool is_first) const;
  void walk(State state, size_t begin, size_t end, Mask& mask) const;

  const std::shared_ptr<const Vocabulary> vocabulary_;
  mutable std::mutex mutex_;
  mutable grammar::Automaton automaton_;
  mutable std::unordered_map<int64_t, Mask> masks_;
  mutable size_t epoch_ = 0;
};

}  // namespace heng
