// What Model::load makes: the public face and the parts that the engine runs. Immutable.
#pragma once

#include <memory>

#include "checkpoint/checkpoint.h"
#include "engine/loras.h"
#include "heng/model.h"
#include "models/architecture.h"
#include "models/decoder.h"
#include "ops/backend.h"

namespace heng::engine {

// Tokens of a prompt that go through the layers together.
inline constexpr size_t kPromptChunk = 512;

struct LoadedModel final : Model {
  ModelInfo model_info;
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;  // weights may lie in its maps
  Loras loras;                                               // and in theirs
  models::DecoderSpec spec;
  models::DecoderWeights weights;
  ops::KvType kv_type = ops::KvType::kF32;
  BackendKind backend = BackendKind::kFast;
  ops::ActivationBits activations = ops::ActivationBits::k15;
  std::shared_ptr<const Tokenizer> model_tokenizer;     // nullptr: none found, see tokenizer()
  std::string tokenizer_problem;                        // why
  std::shared_ptr<const ChatFormat> model_chat_format;  // nullptr: none known, see chat_format()
  std::string chat_problem;                             // why its template cannot be read
  GenerationConfig generation;

  const ModelInfo& info() const override { return model_info; }
  const Tokenizer& tokenizer() const override;
  const ChatFormat& chat_format() const override;
  bool has_chat_format() const override { return model_chat_format || !chat_problem.empty(); }
  const GenerationConfig& generation_config() const override { return generation; }
};

// The backend that runs a model: threads of its own, kernels of the selected level.
std::unique_ptr<ops::Backend> make_backend(BackendKind kind, int threads, ops::ActivationBits bits);

}  // namespace heng::engine
