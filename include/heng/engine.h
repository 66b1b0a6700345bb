// Runs requests on a Model. An Engine holds the KV cache and the random state; use one Engine from
// one thread at a time. Replies do not depend on what the Engine ran before, on threads or on
// chunking.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "heng/generation.h"
#include "heng/model.h"

namespace heng {

enum class FinishReason {
  kStop,       // an end token, stop word or stop text
  kLength,     // max_new_tokens, max_length or the context was reached
  kCancelled,  // on_token returned false
};
std::string_view finish_reason_name(FinishReason reason);  // "stop", "length", "cancelled"

struct TokenEvent {
  TokenId id;
  std::string_view text;  // whole characters that can be shown now; may be empty
};

struct Request {
  std::vector<TokenId> prompt;
  GenerationConfig generation;
  // Called for each token of the reply as it comes; false stops the reply. May be empty.
  std::function<bool(const TokenEvent&)> on_token;
  // Called between prompt chunks with tokens done; false stops. May be empty.
  std::function<bool(size_t done, size_t total)> on_prompt;
};

struct Completion {
  std::vector<TokenId> ids;  // without the end token or stop word
  std::string text;          // empty where the model has no tokenizer that could be read
  FinishReason finish = FinishReason::kStop;
  uint64_t seed = 0;  // what a sampled reply was drawn with
  size_t prompt_tokens = 0;
  size_t reused_tokens = 0;       // of the prompt, found in the KV cache
  double prompt_seconds = 0;      // until the first scores
  double generation_seconds = 0;  // from there to the end
};

class Engine {
 public:
  // Throws Error kOutOfMemory where the KV cache cannot be had.
  explicit Engine(std::shared_ptr<const Model> model);
  ~Engine();
  Engine(Engine&&) noexcept;

  const Model& model() const;

  // Throws Error kUnsupported for a stop text where the model has no tokenizer; kInvalidArgument
  // (empty prompt, id out of range, prompt and max_new_tokens past
  // the context: with the figures), kCorrupt where scores are not finite.
  Completion run(const Request& request);

  // Scores of every position, [ids.size(), vocabulary] fp32. The last `steps` ids are decoded one
  // by one after one prefill of the others.
  std::vector<float> logits(std::span<const TokenId> ids, size_t steps = 0);

  // The same in pieces for large vocabularies: `row` is called once a position, in order.
  void logits(std::span<const TokenId> ids, size_t steps,
              const std::function<void(std::span<const float> row)>& row);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace heng
