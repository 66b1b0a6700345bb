// What a checkpoint says about stretching its rotation -> DecoderSpec: transformers' rope_scaling
// (rope_parameters in newer files), and rope.scaling.* with rope_freqs.weight of GGUF files. Pure
// functions; both throw Error kCorrupt, and kUnsupported for a kind of scaling that is not here.
// Sources: transformers' modeling_rope_utils.py; llama.cpp's llama-model.cpp and ggml's
// docs/gguf.md.
#pragma once

#include <string_view>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "models/decoder.h"

namespace heng::models {

// 1 + 0.1 m ln(factor), by which yarn sharpens scores.
double yarn_sharpness(double factor, double m = 1);

// Adds the scaling of config.json to `spec`, which has rope.dims and, as trained_context and
// max_context, max_position_embeddings. The longest context then is: factor times that for linear
// and dynamic; for yarn at least factor times original_max_position_embeddings; for llama3 as it
// is.
void read_rope_scaling(const JsonObject& config, DecoderSpec& spec);

// The same for the metadata of a GGUF file, whose keys begin with `architecture`.
void read_gguf_rope_scaling(std::string_view architecture, const checkpoint::Checkpoint& checkpoint,
                            DecoderSpec& spec);

}  // namespace heng::models
