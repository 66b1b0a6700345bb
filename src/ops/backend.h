// The op list: everything a model does to numbers. A forward pass is a sequence of these calls, so
// a new processor is a new Backend. The reference backend (plain loops) is the oracle that the
// others are tested against. Activations are fp32, row-major. A Backend is used by one caller at a
// time.
//
// Results of the fast backends do not depend on how tokens are grouped into calls or on the number
// of threads: every output element is computed by the same operations in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/aligned_buffer.h"
#include "kernels/kernel_table.h"
#include "ops/matrix.h"

namespace heng::ops {

using kernels::ActivationBits;
using kernels::KvType;
using kernels::Store;

inline constexpr size_t kKvBlockTokens = kernels::kKvBlock;

// Part of a batch that belongs to one sequence: rows [first, first + n) of the activations stand at
// positions start .. start + n - 1. `blocks[b]` holds keys and values of positions 64b .. 64b + 63
// for every layer and KV head: KvLayout says where.
struct SequenceSlice {
  size_t first, n, start;
  std::byte* const* blocks;
};

struct KvLayout {
  KvType type = KvType::kF32;
  size_t n_layers = 0, n_kv_heads = 0, head_dim = 0;

  // Bytes of one (layer, head): keys [head_dim, 64], then values [64, head_dim]; in a bf16 cache
  // neighbours along d (keys) and along positions (values) lie in pairs, and an int8 one has a
  // scale for each key and value: AttentionArgs draws them.
  size_t section_bytes() const;
  size_t block_bytes() const { return n_layers * n_kv_heads * section_bytes(); }
  size_t offset(size_t layer, size_t kv_head) const {
    return (layer * n_kv_heads + kv_head) * section_bytes();
  }
};

// One weight applied to a shared input: out[t, r] (=, +=) sum_k x[t, k] weight[r, k] + bias[r];
// x[t, order[k]] where the weight has an input_order.
struct LinearJob {
  const Matrix* weight;
  const float* bias;  // [rows] or nullptr
  float* out;         // token t at out + t * out_stride
  size_t out_stride;
  Store store = Store::kSet;
};

enum class RopeStyle {
  kHalves,  // dimension i turns with i + rope_dims / 2 (Hugging Face, Qwen)
  kPairs,   // dimension 2i turns with 2i + 1 (Meta, GGUF llama, ChatGLM2)
};

// What attention needs of each token: one q|k|v row, its rotation, its place.
struct QkvArgs {
  float* qkv;  // [n_tokens, (n_heads + 2 n_kv_heads) * head_dim]; changed in place
  size_t n_tokens, n_heads;
  size_t rope_dims;  // the first dimensions of each head are rotated
  RopeStyle style;
  const float* cosine;   // [n_tokens, rope_dims / 2]
  const float* sine;     // [n_tokens, rope_dims / 2]
  const float* q_scale;  // [n_tokens]: 1 / sqrt(head_dim), times LogN where the model has it
  std::span<const SequenceSlice> slices;  // cover the tokens in order
  KvLayout layout;
  size_t layer;
  // Every head of q and k is normalised by itself before it is rotated: weights [head_dim], or
  // nullptr for models that do not.
  const float* q_norm = nullptr;
  const float* k_norm = nullptr;
  float norm_eps = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;  // "reference", or the kernel level
  // Whether bf16 weights are multiplied as bf16, activations rounded to bf16 too.
  virtual bool multiplies_bf16() const = 0;
  virtual int threads() const = 0;

  // Bytes that prepare() adds for a weight of this format; 0 where it is used as it lies.
  virtual size_t prepared_bytes(const formats::WeightFormat& format, size_t rows,
                                size_t cols) const = 0;
  // Checks that every number is finite, and packs into `memory` where that pays; neither where
  // `memory` is made already. Throws Error
  // kCorrupt naming the matrix, kOutOfMemory.
  virtual void prepare(Matrix& matrix, Arena& memory) = 0;
  // The same for a matrix without data that is only wanted packed: `make_rows` writes the rows
  // [first, first + n) in its format, some at a time, so that they are never in memory as a whole.
  // REQUIRES: prepared_bytes of the matrix is not 0.
  using MakeRows = std::function<void(size_t first, size_t n, std::byte* out)>;
  virtual void prepare(Matrix& matrix, Arena& memory, const MakeRows& make_rows) = 0;

  // out[t, :] = table row ids[t]. REQUIRES: 0 <= ids[t] < table.rows; no input_order.
  virtual void embed(const Matrix& table, std::span<const int32_t> ids, float* out);
  // out may be x. weight [dim].
  virtual void rms_norm(const float* x, const float* weight, float* out, size_t n, size_t dim,
                        float eps) = 0;
  // x [n, cols]; all jobs have the same cols. Outputs must not overlap x.
  virtual void linear(const float* x, size_t n, std::span<const LinearJob> jobs) = 0;
  // Normalises q and k where the model does, rotates them, scales q, writes k and v into the cache.
  virtual void rotate_and_store(const QkvArgs& args) = 0;
  // out[t, h*head_dim ..] for the q that rotate_and_store left, over positions 0 .. the token's
  // own.
  virtual void attention(const QkvArgs& args, float* out) = 0;
  // gate[i] = silu(gate[i]) * up[i], n elements each.
  virtual void swiglu(float* gate, const float* up, size_t n) = 0;
  // Calls body(i) once for each i in [0, n), on the backend's threads. `body` must not throw.
  virtual void for_each(size_t n, const std::function<void(size_t)>& body);
};

// Plain loops, fp32 with double sums; one thread.
std::unique_ptr<Backend> make_reference_backend();
// The kernels of `table` on `n_threads` threads; `bits`: of inputs to products with quantised
// weights.
std::unique_ptr<Backend> make_cpu_backend(const kernels::KernelTable& table, int n_threads,
                                          ActivationBits bits);

}  // namespace heng::ops
