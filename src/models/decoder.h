// The shared pre-norm decoder block: what a model of the LLaMA or Qwen kind is made of
// (DecoderSpec), its weights, and the forward pass. A switch enters DecoderSpec only when a second
// model needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ops/backend.h"

namespace heng::models {

// How the rotation is stretched past the length it was trained with; rope.h says what each does.
enum class RopeScaling { kNone, kLinear, kDynamic, kYarn, kLlama3, kDivisors, kQwenDynamic };

struct RopeSpec {
  ops::RopeStyle style = ops::RopeStyle::kHalves;
  size_t dims = 0;  // rotated dimensions of each head
  float base = 10000;
  RopeScaling scaling = RopeScaling::kNone;
  float factor = 1;
  size_t original_context = 0;  // yarn, llama3: tokens of the training before the stretch
  float attention_factor = 1;   // yarn: times cosines and sines
  float low = 1, high = 32;     // yarn: beta_slow and beta_fast; llama3: the two freq_factors
  std::vector<float> divisors;  // kDivisors: [dims / 2], of the frequencies
  // Qwen-1: scores of late positions are sharpened by log(position + 1) / log(trained length).
  bool log_n = false;
};

struct DecoderSpec {
  size_t n_layers = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0;
  size_t hidden = 0, ffn = 0, vocabulary = 0;
  size_t trained_context = 0, max_context = 0;  // tokens
  float norm_eps = 1e-6f;
  bool qkv_bias = false;
  bool qk_norm = false;    // an RMS norm over each head of q and k, before the rotation
  bool tied_head = false;  // the output head is the embedding table
  RopeSpec rope;

  size_t qkv_width() const { return (n_heads + 2 * n_kv_heads) * head_dim; }
  size_t attention_width() const { return n_heads * head_dim; }
};

struct LayerWeights {
  std::vector<float> attention_norm;  // [hidden]
  ops::Matrix q, k, v;          // [n_heads * head_dim, hidden], 2 x [n_kv_heads * head_dim, hidden]
  std::vector<float> qkv_bias;  // [qkv_width] or empty
  std::vector<float> q_norm, k_norm;  // [head_dim] or empty
  ops::Matrix o;                      // [hidden, n_heads * head_dim]
  std::vector<float> ffn_norm;        // [hidden]
  ops::Matrix gate, up;               // [ffn, hidden]: silu(gate x) * (up x)
  ops::Matrix down;                   // [hidden, ffn]
};

struct DecoderWeights {
  Arena memory;           // of matrices that were converted or packed
  ops::Matrix embedding;  // [vocabulary, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  ops::Matrix head;               // [vocabulary, hidden]; empty where the head is tied
};

// One sequence's part of a batch.
struct SequenceInput {
  std::span<const int32_t> ids;  // new tokens
  size_t start;                  // position of the first
  std::byte* const* blocks;      // KV blocks: kv_layout(spec), 64 positions each
  float rope_base;               // see rope.h: forward_rope_base
};

// Buffers of a forward pass. Grow to the largest batch seen; owned by the caller, used by one at a
// time.
struct Workspace {
  std::vector<float> hidden, normed, qkv, attention, gate, up, cosine, sine, q_scale;
};

// Bytes that a Workspace takes for `n_tokens` at once, and its scores for `n_rows`.
size_t workspace_bytes(const DecoderSpec& spec, size_t n_tokens, size_t n_rows);
// Bytes that a backend takes beside it for inputs in an order of their own (ops::InputOrder).
size_t reordered_bytes(const DecoderSpec& spec, size_t n_tokens);

ops::KvLayout kv_layout(const DecoderSpec& spec, ops::KvType type);

// Runs the tokens of all sequences through the layers, writing their keys and values into the
// cache. Afterwards work.hidden [n_tokens, hidden] holds the last layer's output, before the final
// norm. `after_layer` is called after each layer, with its output there; may be empty.
// REQUIRES: ids in [0, vocabulary); blocks for start + ids.size() positions.
void decoder_forward(ops::Backend& backend, const DecoderSpec& spec, const DecoderWeights& weights,
                     const ops::KvLayout& kv, std::span<const SequenceInput> batch, Workspace& work,
                     const std::function<void(size_t layer)>& after_layer = {});

// The final norm of these rows of work.hidden, one after another, into work.normed
// [rows.size(), hidden].
void decoder_final_norm(ops::Backend& backend, const DecoderSpec& spec,
                        const DecoderWeights& weights, std::span<const size_t> rows,
                        Workspace& work);

// Scores of these rows of work.hidden: logits [rows.size(), vocabulary]. Overwrites work.normed.
void decoder_logits(ops::Backend& backend, const DecoderSpec& spec, const DecoderWeights& weights,
                    std::span<const size_t> rows, Workspace& work, float* logits);

}  // namespace heng::models
