// Rotary position embedding (Su et al., 2021), computed in fp32 as upstream does, and Qwen-1's two
// additions. Pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "models/decoder.h"

namespace heng::models {

// The base that a prefill of `length` tokens uses, and that the decoding steps after it keep. With
// dynamic NTK (QWenLMHeadModel, modeling_qwen.py: get_ntk_alpha) it is base * alpha^(d / (d - 2))
// with alpha = max(2^ceil(log2(length / trained) + 1) - 1, 1): 1 up to the trained length, 3 up to
// twice that, 7 up to four times. Otherwise the spec's own.
float prefill_rope_base(const DecoderSpec& spec, size_t length);

// Cosines and sines [positions, dims / 2] of positions start .. start + n - 1 into rows of the
// buffers.
void fill_rotation(const RopeSpec& rope, float base, size_t start, size_t n, float* cosine,
                   float* sine);

// The factor of a query at 0-based position `pos`: log(pos + 1) / log(trained) past the trained
// length where the model has LogN attention, else 1. Kept in fp32.
float log_n_factor(const DecoderSpec& spec, size_t pos);

}  // namespace heng::models
