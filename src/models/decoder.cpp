#include "models/decoder.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "models/rope.h"

namespace heng::models {
namespace {

using ops::LinearJob;
using ops::Store;

void grow(std::vector<float>& buffer, size_t n) {
  if (buffer.size() < n) buffer.resize(n);
}

void make_room(const DecoderSpec& spec, size_t n, Workspace& w) {
  grow(w.hidden, n * spec.hidden);
  grow(w.normed, n * spec.hidden);
  grow(w.qkv, n * spec.qkv_width());
  grow(w.attention, n * spec.attention_width());
  grow(w.gate, n * spec.ffn);
  grow(w.up, n * spec.ffn);
  grow(w.cosine, n * spec.rope.dims / 2);
  grow(w.sine, n * spec.rope.dims / 2);
  grow(w.q_scale, n);
}

// Embeds the tokens and fills what attention needs of each: rotation, scale, place.
std::vector<ops::SequenceSlice> lay_out(ops::Backend& backend, const DecoderSpec& spec,
                                        const DecoderWeights& weights,
                                        std::span<const SequenceInput> batch, Workspace& w) {
  std::vector<ops::SequenceSlice> slices;
  const float scale = 1.0f / std::sqrt(static_cast<float>(spec.head_dim));
  const size_t half = spec.rope.dims / 2;
  size_t first = 0;
  for (const SequenceInput& s : batch) {
    const size_t n = s.ids.size();
    backend.embed(weights.embedding, s.ids, w.hidden.data() + first * spec.hidden);
    fill_rotation(spec.rope, s.rope_base, s.start, n, w.cosine.data() + first * half,
                  w.sine.data() + first * half);
    for (size_t t = 0; t < n; ++t) w.q_scale[first + t] = scale * log_n_factor(spec, s.start + t);
    slices.push_back({first, n, s.start, s.blocks});
    first += n;
  }
  return slices;
}

// x + attention(norm(x))
void attention_half(ops::Backend& backend, const DecoderSpec& spec, const LayerWeights& layer,
                    const ops::QkvArgs& args, Workspace& w) {
  const size_t n = args.n_tokens, width = spec.qkv_width();
  const size_t q_rows = layer.q.rows, k_rows = layer.k.rows;
  const float* bias = layer.qkv_bias.empty() ? nullptr : layer.qkv_bias.data();
  const auto bias_at = [&](size_t row) { return bias ? bias + row : nullptr; };

  backend.rms_norm(w.hidden.data(), layer.attention_norm.data(), w.normed.data(), n, spec.hidden,
                   spec.norm_eps);
  const std::array<LinearJob, 3> qkv{{
      {&layer.q, bias_at(0), w.qkv.data(), width},
      {&layer.k, bias_at(q_rows), w.qkv.data() + q_rows, width},
      {&layer.v, bias_at(q_rows + k_rows), w.qkv.data() + q_rows + k_rows, width},
  }};
  backend.linear(w.normed.data(), n, qkv);
  backend.rotate_and_store(args);
  backend.attention(args, w.attention.data());
  const std::array<LinearJob, 1> o{
      {{&layer.o, nullptr, w.hidden.data(), spec.hidden, Store::kAdd}}};
  backend.linear(w.attention.data(), n, o);
}

// x + down(silu(gate norm(x)) * up norm(x))
void ffn_half(ops::Backend& backend, const DecoderSpec& spec, const LayerWeights& layer, size_t n,
              Workspace& w) {
  backend.rms_norm(w.hidden.data(), layer.ffn_norm.data(), w.normed.data(), n, spec.hidden,
                   spec.norm_eps);
  const std::array<LinearJob, 2> gate_up{{
      {&layer.gate, nullptr, w.gate.data(), spec.ffn},
      {&layer.up, nullptr, w.up.data(), spec.ffn},
  }};
  backend.linear(w.normed.data(), n, gate_up);
  backend.swiglu(w.gate.data(), w.up.data(), n * spec.ffn);
  const std::array<LinearJob, 1> down{
      {{&layer.down, nullptr, w.hidden.data(), spec.hidden, Store::kAdd}}};
  backend.linear(w.gate.data(), n, down);
}

size_t widest_input(const DecoderSpec& spec) {
  return std::max({spec.hidden, spec.attention_width(), spec.ffn});
}

}  // namespace

size_t reordered_bytes(const DecoderSpec& spec, size_t n_tokens) {
  // One copy in fp32, and as int8 what a second order in the same call reads.
  return n_tokens * widest_input(spec) * (sizeof(float) + 2);
}

size_t workspace_bytes(const DecoderSpec& spec, size_t n_tokens, size_t n_rows) {
  const size_t floats_per_token = 2 * spec.hidden + spec.qkv_width() + spec.attention_width() +
                                  2 * spec.ffn + spec.rope.dims + 1;
  const size_t widest = widest_input(spec);
  // Beside the fp32 buffers, one converted input: int8 with its sums, or bf16.
  return n_tokens * (floats_per_token * sizeof(float) + 2 * widest) +
         n_rows * spec.vocabulary * sizeof(float);
}

ops::KvLayout kv_layout(const DecoderSpec& spec, ops::KvType type) {
  return {type, spec.n_layers, spec.n_kv_heads, spec.head_dim};
}

void decoder_forward(ops::Backend& backend, const DecoderSpec& spec, const DecoderWeights& weights,
                     const ops::KvLayout& kv, std::span<const SequenceInput> batch, Workspace& work,
                     const std::function<void(size_t layer)>& after_layer) {
  size_t n = 0;
  for (const SequenceInput& s : batch) n += s.ids.size();
  make_room(spec, n, work);
  const auto slices = lay_out(backend, spec, weights, batch, work);
  ops::QkvArgs args{work.qkv.data(),
                    n,
                    spec.n_heads,
                    spec.rope.dims,
                    spec.rope.style,
                    work.cosine.data(),
                    work.sine.data(),
                    work.q_scale.data(),
                    slices,
                    kv,
                    0};
  for (size_t layer = 0; layer < spec.n_layers; ++layer) {
    const LayerWeights& w = weights.layers[layer];
    args.layer = layer;
    args.q_norm = w.q_norm.empty() ? nullptr : w.q_norm.data();
    args.k_norm = w.k_norm.empty() ? nullptr : w.k_norm.data();
    args.norm_eps = spec.norm_eps;
    attention_half(backend, spec, w, args, work);
    ffn_half(backend, spec, w, n, work);
    if (after_layer) after_layer(layer);
  }
}

void decoder_final_norm(ops::Backend& backend, const DecoderSpec& spec,
                        const DecoderWeights& weights, std::span<const size_t> rows,
                        Workspace& work) {
  for (size_t i = 0; i < rows.size();) {
    size_t n = 1;  // rows that stand together
    while (i + n < rows.size() && rows[i + n] == rows[i] + n) ++n;
    backend.rms_norm(work.hidden.data() + rows[i] * spec.hidden, weights.final_norm.data(),
                     work.normed.data() + i * spec.hidden, n, spec.hidden, spec.norm_eps);
    i += n;
  }
}

void decoder_logits(ops::Backend& backend, const DecoderSpec& spec, const DecoderWeights& weights,
                    std::span<const size_t> rows, Workspace& work, float* logits) {
  decoder_final_norm(backend, spec, weights, rows, work);
  const ops::Matrix& head = spec.tied_head ? weights.embedding : weights.head;
  const std::array<LinearJob, 1> job{{{&head, nullptr, logits, spec.vocabulary}}};
  backend.linear(work.normed.data(), rows.size(), job);
}

}  // namespace heng::models
