// When a reply ends and what of it is shown: end tokens, stop words (sequences of ids), stop texts
// and lengths. A Reply takes tokens one by one and passes on those that surely belong to the reply;
// what may still turn out to be the start of a stop word or stop text is held back until that is
// decided. One Reply serves one reply, from one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heng/engine.h"

namespace heng::engine {

// Tokens a reply may have after `prompt_tokens`: max_new_tokens or what max_length leaves.
// Throws Error kInvalidArgument where max_length leaves none.
size_t reply_limit(const GenerationConfig& config, size_t prompt_tokens);

// End tokens are forbidden before this many tokens of the reply: min_new_tokens and min_length.
size_t least_reply(const GenerationConfig& config, size_t prompt_tokens);

class Reply {
 public:
  using OnToken = std::function<bool(const TokenEvent&)>;
  enum class State { kGoing, kStopped, kCancelled };

  // Borrows all three; `on_token` may be empty.
  Reply(const GenerationConfig& config, const Tokenizer& tokenizer, const OnToken& on_token);

  // Takes the next token and its logprobs where they are wanted. kStopped: it ended the reply (and,
  // as a stop word or stop text is no part of it, may have taken earlier tokens with it).
  // kCancelled: on_token said so.
  State add(TokenId id, std::optional<Logprobs> logprobs = std::nullopt);
  // No more tokens come: passes on what was held back. kStopped unless cancelled.
  State finish();

  // What was passed on so far.
  const std::vector<TokenId>& ids() const { return ids_; }
  const std::string& text() const { return text_; }
  const std::vector<Logprobs>& logprobs() const { return logprobs_; }

 private:
  struct Held {
    TokenId id;
    std::string text;   // whole characters that this token completed
    Utf8Stream before;  // the characters' state without it
    std::optional<Logprobs> logprobs;
  };

  size_t stop_word_length() const;                     // at the end of held_; 0: none
  size_t stop_word_start_length() const;               // longest tail that may become one
  size_t stop_text_at(const std::string& text) const;  // npos: none
  size_t stop_text_start_length(const std::string& text) const;
  bool unfinished_character() const;
  size_t sure_tokens(const std::string& held_text) const;
  State pass_on(size_t n_tokens);
  State cut_text(size_t at);

  const GenerationConfig& config_;
  const Tokenizer& tokenizer_;
  const OnToken& on_token_;
  bool begun_ = false;  // a token of the text has come
  Utf8Stream characters_;
  std::vector<Held> held_;  // taken, not passed on yet
  std::vector<TokenId> ids_;
  std::string text_;
  std::vector<Logprobs> logprobs_;  // of ids_, or empty
};

}  // namespace heng::engine
