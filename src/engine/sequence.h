// One request under way: its tokens, how many of them stand in the KV cache, and what has come out.
// Made by the thread that submits, then used by the stepping thread alone; never moved.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/kv_memory.h"
#include "engine/loaded_model.h"
#include "engine/sampler.h"
#include "engine/stop_rules.h"
#include "heng/engine.h"

namespace heng::engine {

class Sequence {
 public:
  // REQUIRES: check_request passed.
  Sequence(RequestId id, Request request, const LoadedModel& model);
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  RequestId id() const { return id_; }
  const Request& request() const { return request_; }
  // The prompt and what was drawn after it, and what its keys and values depend on.
  std::span<const TokenId> ids() const { return ids_; }
  std::span<const KvEntry> entries() const { return entries_; }
  std::span<const TokenId> drawn() const { return ids().subspan(request_.prompt.size()); }

  // Tokens that must have gone through the layers before the next scores. A prompt that is only
  // scored goes without its last one: nothing comes after it.
  size_t wanted() const { return ids_.size() - (request_.task == Task::kScore ? 1 : 0); }
  size_t pending() const { return wanted() - computed; }
  // How many of them may come from the cache: a token whose scores or hidden state are wanted still
  // must be computed.
  size_t reusable() const;
  // The next token of the prompt whose log-probability is wanted; the prompt's length: none.
  size_t next_scored() const { return first_scored_ + done_.prompt_logprobs.size(); }

  // Its first `n` tokens stand in the cache. kFound: others had computed them.
  enum class How { kFound, kComputed };
  void advance_to(size_t n, How how);
  // Calls on_prompt if more of the prompt was computed than ever before, and throws what that
  // throws.
  void report_prompt();

  // Guesses what follows its last token, at most `most` tokens and no more than the reply may have,
  // all of one rope base; kept until the next call. Empty where the request wants none or the next
  // token is not the reply's second or later.
  std::span<const TokenId> guess(size_t most);
  // The next `n` tokens that go through the layers: those it has, then guesses.
  std::span<const TokenId> next_ids(size_t n) const;
  // `kept` of `guessed` came out: the next guess is longer or shorter.
  void learn(size_t guessed, size_t kept);

  // One more log-probability of the prompt.
  void score(Logprobs logprobs);
  // Draws the next token from `logits` [vocabulary], which it changes; logprobs where wanted.
  // Throws Error, and what on_logits throws.
  TokenId draw(std::span<float> logits, std::optional<Logprobs>& logprobs);
  // Takes the token that was drawn: it may end the reply. Calls on_token, and throws what that
  // throws.
  void take(TokenId id, std::optional<Logprobs> logprobs);
  // Final hidden states [n, hidden] of the tokens from `start` on, for the mean.
  void pool(size_t start, std::span<const float> hidden);

  bool ended() const { return ended_; }
  // What came first counts.
  void end(FinishReason reason);
  void fail(const Error& error);
  // What on_done gets. Call once, when it has ended.
  Completion complete();

  size_t computed = 0;  // positions that stand in the cache
  SequenceKv kv;
  bool finite = true;     // all hidden states were, so others may use its keys and values
  std::string bad_layer;  // where they were not: the first, in words

 private:
  using Clock = std::chrono::steady_clock;
  KvEntry entry_of(TokenId id, size_t pos) const;

  const RequestId id_;
  const Request request_;
  const models::DecoderSpec& spec_;
  const size_t first_scored_;
  const size_t prefill_;  // tokens of the prompt that go through the layers
  const float prefill_base_;
  size_t limit_ = 0, least_ = 0;  // tokens that the reply may have and must have
  std::vector<TokenId> ids_;
  std::vector<KvEntry> entries_;
  std::vector<TokenId> last_and_guess_;
  size_t guess_length_ = 4;
  std::optional<Sampler> sampler_;  // from the first draw on: it is large
  std::optional<Reply> reply_;
  std::vector<float> scratch_;  // [vocabulary]: scores that a draw may change
  std::vector<double> pooled_;  // [hidden]
  size_t n_pooled_ = 0;
  size_t farthest_ = 0;  // of computed; it begins again where its memory is taken away
  size_t reported_ = 0;  // of the prompt, to on_prompt
  bool ended_ = false;
  Clock::time_point submitted_;
  std::optional<Clock::time_point> began_, first_scores_;
  Completion done_;
};

}  // namespace heng::engine
