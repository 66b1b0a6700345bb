// Runs requests on a Model, many at a time: the running ones go through the weights together, and
// what begins alike shares KV memory. Each gets, bit for bit, what it gets alone in a new Engine:
// neither company, order and history, nor threads and chunking matter.
//
// One thread at a time calls step(), run(), log_probs(), embed() and logits(); submit(), cancel(),
// wait() and stats() may be called from any. Callbacks come from the thread in step(), with nothing
// locked: they may call submit(), cancel() and stats(), and all requests wait while they run.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heng/error.h"
#include "heng/generation.h"
#include "heng/model.h"

namespace heng {

using RequestId = uint64_t;

enum class FinishReason {
  kStop,       // an end token, stop word or stop text; the end of a task that is no reply
  kLength,     // max_new_tokens, max_length or the context was reached
  kCancelled,  // a callback returned false, or cancel()
  kError,      // Completion::error says what
};
std::string_view finish_reason_name(FinishReason reason);  // "stop", "length", ...

struct TokenLogprob {
  TokenId id;
  float logprob;
};

// Natural logarithms of probabilities at one position: of the model's own scores, before any
// setting of GenerationConfig.
struct Logprobs {
  float logprob = 0;              // of the token that stands there
  std::vector<TokenLogprob> top;  // the n_logprobs best, best first; of equals the lower id
};

struct TokenEvent {
  TokenId id;
  std::string_view text;               // whole characters that can be shown now; may be empty
  const Logprobs* logprobs = nullptr;  // nullptr where they were not asked for
};

struct Completion {
  RequestId id = 0;
  std::vector<TokenId> ids;  // without the end token or stop word
  std::string text;          // empty where the model has no tokenizer that could be read
  FinishReason finish = FinishReason::kStop;
  std::optional<Error> error;             // with kError; what came before it stands here too
  std::vector<Logprobs> logprobs;         // of ids, where n_logprobs is set
  std::vector<Logprobs> prompt_logprobs;  // of the prompt from token max(echo_from, 1) on
  std::vector<float> embedding;           // [hidden], of Task::kEmbed
  uint64_t seed = 0;                      // what a sampled reply was drawn with
  size_t prompt_tokens = 0;
  size_t reused_tokens = 0;       // of the prompt, found in the KV cache
  double queue_seconds = 0;       // from submit() until it began
  double prompt_seconds = 0;      // from there until the first scores
  double generation_seconds = 0;  // from there to the end
};

enum class Task {
  kReply,  // goes on from the prompt
  kScore,  // prompt_logprobs alone
  kEmbed,  // the mean over the prompt of the last hidden states after the final norm
};

struct Request {
  std::vector<TokenId> prompt;
  GenerationConfig generation;
  // Called for each token of the reply as it comes; false stops the reply. May be empty.
  std::function<bool(const TokenEvent&)> on_token;
  // Called between prompt chunks with tokens done; false stops. May be empty.
  std::function<bool(size_t done, size_t total)> on_prompt;

  Task task = Task::kReply;
  std::optional<size_t> n_logprobs;  // log-probabilities of each token and of this many best
  // Log-probabilities of the prompt's tokens from this one on, each given those before it (the
  // first has none). They are computed, not reused. kScore without it: of all.
  std::optional<size_t> echo_from;
  // May change the scores [vocabulary] of the next token, -infinity included, before
  // GenerationConfig does; `reply` are the tokens so far. For constrained decoding. May be empty.
  std::function<void(std::span<float> logits, std::span<const TokenId> reply)> on_logits;
  // Called once, when the request has ended, by step() or ~Engine. Must not throw. May be empty.
  std::function<void(Completion)> on_done;
  // Requests share KV memory with those of the same group only, so that nobody can find out by
  // timing what others asked.
  uint64_t cache_group = 0;
};

struct EngineOptions {
  size_t kv_tokens = 0;       // KV memory for all requests together; 0: the model's planned context
  size_t max_batch = 32;      // requests that run together
  size_t prompt_chunk = 512;  // tokens of prompts that one step takes beside the replies
  size_t max_queue = 1024;    // requests that wait
};

// KV memory is counted in blocks of 64 tokens.
struct EngineStats {
  size_t queued = 0, running = 0;  // requests
  size_t kv_blocks = 0;            // in all
  size_t free_blocks = 0;          // hold nothing
  size_t cached_blocks = 0;        // no request uses them: kept while their memory is not wanted
  // Since the engine was made:
  uint64_t steps = 0;
  uint64_t prompt_tokens = 0, reused_tokens = 0;  // computed; found in the cache
  uint64_t generated_tokens = 0;
  uint64_t guessed_tokens = 0, kept_guesses = 0;  // GenerationConfig::speculate
  uint64_t completed = 0, failed = 0, cancelled = 0;  // requests
  uint64_t preemptions = 0;     // requests that gave their memory up to older ones, to begin again
  uint64_t evicted_blocks = 0;  // of cached ones
};

class Engine {
 public:
  // Throws Error kOutOfMemory where the KV cache cannot be had, kInvalidArgument where an option
  // makes no sense.
  explicit Engine(std::shared_ptr<const Model> model, const EngineOptions& options = {});
  // Requests that have not ended are cancelled.
  ~Engine();
  Engine(Engine&&) noexcept;

  const Model& model() const;

  // Throws Error kUnsupported for a stop text where the model has no tokenizer; kInvalidArgument
  // (empty prompt, id out of range, prompt and max_new_tokens past the context or past all of the
  // KV memory: with the figures); kBusy where max_queue requests wait.
  RequestId submit(Request request);
  // Takes effect at the next step. An id that has ended or never was is no error.
  void cancel(RequestId id);

  // Puts one batch through the model: the next token of every reply under way and a chunk of
  // prompts. False when nothing is left to do.
  bool step();
  // Until there is something to do or `most` is over; false: nothing.
  bool wait(std::chrono::milliseconds most) const;

  // submit(), and step() until it has ended. Throws as submit and, instead of returning
  // FinishReason::kError, kCorrupt where scores are not finite (naming the step) and what a
  // callback threw.
  Completion run(Request request);

  // Natural logarithm of the probability of each token of `continuation` after `prompt` and those
  // before it. Throws as run.
  std::vector<float> log_probs(std::span<const TokenId> prompt,
                               std::span<const TokenId> continuation);
  // Task::kEmbed of `ids`: [hidden]. Throws as run.
  std::vector<float> embed(std::span<const TokenId> ids);

  // Scores of every position, [ids.size(), vocabulary] fp32. The last `steps` ids are decoded one
  // by one after one prefill of the others. Throws as submit, kOutOfMemory where running requests
  // hold too much of the KV memory.
  std::vector<float> logits(std::span<const TokenId> ids, size_t steps = 0);

  // The same in pieces for large vocabularies: `row` is called once a position, in order.
  void logits(std::span<const TokenId> ids, size_t steps,
              const std::function<void(std::span<const float> row)>& row);

  EngineStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace heng
