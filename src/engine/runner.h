// Puts a batch through the model and gives every sequence what came out for it: log-probabilities
// of its prompt, its mean hidden state, its next token. Owns the backend with its threads and all
// work buffers, which grow to the largest batch seen; not thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/scheduler.h"

namespace heng::engine {

class Runner {
 public:
  // `n_rows`: positions whose scores are computed at once. Borrows `memory`.
  Runner(const LoadedModel& model, KvMemory& memory, size_t n_rows);

  // What throws in a callback of a sequence, or goes wrong with its numbers, fails that sequence.
  // Throws Error or std::bad_alloc where the batch cannot be computed at all.
  void run(std::span<const Slice> batch);

  // Engine::logits in the blocks of `kv`, which has room for all `ids`.
  void logits(std::span<const TokenId> ids, size_t steps, size_t chunk, const SequenceKv& kv,
              const std::function<void(std::span<const float>)>& row);

  uint64_t prompt_tokens() const { return prompt_tokens_; }
  uint64_t generated_tokens() const { return generated_tokens_; }
  uint64_t guessed_tokens() const { return guessed_tokens_; }
  uint64_t kept_guesses() const { return kept_guesses_; }

 private:
  // One position whose scores are wanted.
  struct Row {
    static constexpr size_t kDraw = static_cast<size_t>(-1);
    Sequence* sequence;
    size_t hidden_row;
    size_t scored;  // the token of the prompt that stands after it; kDraw: none yet
    TokenId drawn = 0;
    std::optional<Logprobs> logprobs;
    std::optional<Error> error;
  };

  void forward(std::span<const Slice> batch);
  void add_rows(const Slice& slice, size_t first);
  void advance(Sequence& sequence, size_t n, size_t first);
  void follow_guesses(const Slice& slice, size_t first);
  std::string first_bad_layer(const Sequence& sequence, size_t n);
  void pool(Sequence& sequence, size_t n, size_t first);
  void compute_logits(std::span<const size_t> hidden_rows);
  void evaluate(std::span<Row> rows);
  void evaluate(Row& row, std::span<float> logits) const;
  void deliver(Row& row);

  const LoadedModel& model_;
  KvMemory& memory_;
  const size_t n_rows_;
  std::unique_ptr<ops::Backend> backend_;
  models::Workspace work_;
  std::vector<models::SequenceInput> inputs_;
  std::vector<Row> rows_;
  std::vector<size_t> hidden_rows_;
  std::vector<float> logits_;  // [rows at once, vocabulary]
  uint64_t prompt_tokens_ = 0, generated_tokens_ = 0, guessed_tokens_ = 0, kept_guesses_ = 0;
};

}  // namespace heng::engine
