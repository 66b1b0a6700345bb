// Rotary position embedding (Su et al., 2021), computed in fp32 as upstream does, its stretchings
// for longer contexts, and Qwen-1's scaling of scores. Sources: transformers 4.37.2
// modeling_llama.py (linear, dynamic), transformers' modeling_rope_utils.py (yarn, llama3),
// QWenLMHeadModel's modeling_qwen.py. Pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "models/decoder.h"

namespace heng::models {

// The base that a prefill of `length` tokens uses: the spec's own, except for
// - kQwenDynamic (get_ntk_alpha): base * alpha^(d / (d - 2)), d = dims, with
//   alpha = max(2^ceil(log2(length / trained) + 1) - 1, 1): 1 up to the trained length, 3 up to
//   twice that, 7 up to four times;
// - kDynamic: the same with alpha = factor * length / trained - (factor - 1) past the trained
//   length.
float prefill_rope_base(const DecoderSpec& spec, size_t length);

// The base of a forward pass that makes a sequence `length` tokens long, in a turn whose prefill
// had `prefill_base`. Qwen keeps that one; kDynamic takes a new one with every token past both the
// trained length and the prefill, and keys in the cache keep the rotation of their time.
float forward_rope_base(const DecoderSpec& spec, float prefill_base, size_t length);

// The angle of each pair of dimensions at position 1: [dims / 2]. 1 / base^(2 i / dims), then
// - kLinear: divided by factor;
// - kYarn (Peng et al., 2023): those that turn `high` times or more within original_context stay,
//   those that turn `low` times or less are divided by factor, between the two a linear ramp;
// - kLlama3: those with a wave longer than original_context / low are divided by factor, those
//   with one shorter than original_context / high stay, between the two a mixture;
// - kDivisors: divided by its own each.
std::vector<float> inverse_frequencies(const RopeSpec& rope, float base);

// Cosines and sines [positions, dims / 2] of positions start .. start + n - 1 into rows of the
// buffers, times attention_factor.
void fill_rotation(const RopeSpec& rope, float base, size_t start, size_t n, float* cosine,
                   float* sine);

// The factor of a query at 0-based position `pos`: log(pos + 1) / log(trained) past the trained
// length where the model has LogN attention, else 1. Kept in fp32.
float log_n_factor(const DecoderSpec& spec, size_t pos);

}  // namespace heng::models
