// What the models of the LLaMA kind have in common in transformers' folders: the keys of
// config.json and the tensors' names ("model.layers.0.self_attn.q_proj.weight"). Source:
// transformers 4.51, configuration_llama.py and its neighbours. Pure functions.
#pragma once

#include <string>

#include "base/json.h"
#include "models/architecture.h"

namespace heng::models {

// Sizes, norm and rotation. The activation must be SiLU. Throws Error kCorrupt, kUnsupported naming
// the field.
DecoderSpec read_hf_decoder(const JsonObject& config);

// Throws Error kUnsupported where config.json sets `key` (false where it is absent): a switch that
// the shared block does not have. `meaning` says what it would do.
void refuse_switch(const JsonObject& config, std::string_view key, std::string_view meaning);

std::string hf_tensor_name(Part part, size_t layer);

}  // namespace heng::models
