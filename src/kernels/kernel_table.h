// The functions that are compiled once per instruction set level, behind one struct of pointers,
// and the plain argument structs they take. Everything here is borrowed memory; all functions are
// pure, noexcept in effect, and safe to call from many threads on disjoint outputs. No function is
// defined in this file: it is included by objects that must not export inline functions (see
// docs/architecture.md).
//
// The rule that makes results independent of batch, chunking and threads: one output element is
// always summed by the same operations in the same order, whatever tile it falls into. The plain
// products sum k in order in fp32; the integer products sum each group of 32 exactly in integers
// and the groups in order in fp32.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heng::kernels {

// Tokens whose activations are interleaved for the integer products.
inline constexpr size_t kTokenTile = 12;
// The same for products with plain weights, and what their rows of k are padded to.
inline constexpr size_t kPlainTile = 12;
inline constexpr size_t kPlainStep = 32;
// Rows of a packed panel: one lane each.
inline constexpr size_t kPanelRows = 16;
// Panels that the tokens of a plain product walk together.
inline constexpr size_t kPlainPanels = 2;
inline constexpr size_t kPlainRoomRows = kPlainPanels * kPanelRows;
// Weights that share one activation scale.
inline constexpr size_t kGroup = 32;

enum class Store { kSet, kAdd };  // what happens to the output: replaced, or added to

struct Output {
  float* data;        // [n_tokens, rows], token t at data + t * stride
  size_t stride;      // in floats
  const float* bias;  // [rows], added after the sum; nullptr: none
  Store store;
};

// Row-major weights as they lie in the file: [rows, k] of f32, f16 or bf16, any alignment.
struct PlainMatmul {
  const void* weight;
  size_t rows, k;
  // f32, or bf16 where the table's bf16_activations says so, as pack_f32 and pack_bf16 lay it out:
  // tiles of kPlainTile tokens (the last may be shorter, nt), in each [k / 32][nt][32], k padded
  // with zeros (32: kPlainStep). Row-major inputs whose rows are a multiple of 4096 bytes
  // apart fall onto the same cache sets, and cost a quarter of the speed.
  const void* x;
  size_t n_tokens;
  Output out;
  float* room;  // kPlainRoomRows rows of k rounded up to kPlainStep, aligned; of this call alone
};

// What stands in a packed panel beside scales: nothing, where the zero is the same number for all
// groups; or a minimum (weight = scale * q + min) or a zero (weight = scale * (q - zero)) a group.
enum class PanelOffset : uint8_t { kFixedZero, kMins, kZeros };

// How a packed panel of 16 rows lies in memory: one record per group (two groups of 16), record
// after record and panel after panel, so that one token reads the whole matrix as a single stream
// (with scales apart from the data, short panels were read at 60 % of that speed). A record of
// R = max(32, group_length) k is
//   data     R / 8 vectors of 64 bytes for 4-bit weights: byte row*4 + j of vector v holds
//            k = 8v + j in its low and k = 8v + 4 + j in its high bits (j = 0..3);
//            R / 4 vectors for 8-bit weights: byte row*4 + j of vector v holds k = 4v + j
//   scales   [R / group_length, 16] fp16, or int8 factors
//   offsets  the same of mins; or [16] bytes of zeros
// Factors are multiplied by units that 256 k share: in front of every 8 records stand 16 units of
// the scales and, where there are mins, 16 of those, fp16: scale = unit * factor, min = -(unit *
// factor). Stored as products in fp32, scales took a third more memory than the file's.
struct IntPanels {
  const uint8_t* data;
  size_t k;  // a multiple of R
  size_t record_bytes;
  uint8_t bits;         // 4 or 8: how q is stored
  uint8_t full_range;   // 1: q may pass 127, so that a signed 16-bit sum of two products overflows
  uint8_t has_factors;  // 0: scales and mins are fp16
  PanelOffset offset;
  uint8_t group_length;  // 16, 32 or 128
  uint8_t zero_shift;    // kFixedZero: zero = 2^zero_shift
};

// Activations as integers, per token and group of 32: x = scale * q, in one of two widths.
// - k8: q in [-127, 127], scale = max |x| / 127: one product a weight, as other engines do it;
// - k15: q = 128 * high + low, high in [-127, 127] and low in [-64, 63]: two int8 numbers, two
//   products a weight, scale = max |x| / 16256.
// docs/numerics.md says what each costs: k8 moves the logits of small models by enough to change
// greedy replies.
// Tokens come in tiles of kTokenTile (the last may be shorter, nt); tile i starts at token 12 i,
// and within a tile the group comes first: q [tile][k/32][nt][32, or 64: 32 high, then 32 low], the
// others [tile][k/32][nt] and, for halves, [tile][k/16][nt].
enum class ActivationBits : uint8_t { k8 = 8, k15 = 15 };

struct IntActivations {
  ActivationBits bits;
  int8_t* q;
  float* scale;
  int32_t* sum;       // of q over the group
  int32_t* half_sum;  // the same over each 16
  float* scaled_sum;  // scale * sum
  float* scaled_half_sum;
  // What the zero of the weights takes off each group (or each 16, as the weights' scales go):
  // -2^zero_shift * sum; read for kFixedZero only. Prepared for each zero, because
  // a shift in the inner loop cost 6 % of a prompt's speed.
  const int32_t* zero_part;
  size_t n_tokens, k;
};

struct AttentionArgs {
  const float* q;  // rotated, and scaled by 1 / sqrt(head_dim)
  float* out;
  const size_t* q_offset;    // [n_queries] where each query's head_dim floats begin in q
  const size_t* out_offset;  // [n_queries] and in out
  const size_t*
      n_visible;     // [n_queries] positions 0 .. n_visible-1 are seen, at least 1; ascending
  size_t n_queries;  // at most kQueryTile; all share each block while it is in the cache
  size_t head_dim;
  // Per 64 positions: keys [head_dim, 64], then values [64, head_dim]. A bf16 cache holds pairs:
  // keys [head_dim / 2, 64, 2], values [32, head_dim, 2] with positions 2 i and 2 i + 1 together;
  // so does an int8 one, behind which f32 scales lie: of the keys [64], of the values [64].
  const void* const* blocks;
};
inline constexpr size_t kQueryTile = 48;
inline constexpr size_t kKvBlock = 64;
inline constexpr size_t kMaxHeadDim = 256;

enum class KvType : uint8_t { kF32, kF16, kBF16, kI8 };
inline constexpr size_t kKvTypes = 4;

struct RowNorm {
  const float* x;       // [n, dim]
  const float* weight;  // [dim]
  float* out;           // [n, dim], may be x
  size_t n, dim;
  float eps;
};

struct KernelTable {
  const char* level;
  bool bf16_activations;  // matmul_bf16 takes x as bf16: this level multiplies bf16

  // out[t, r] for r in [row_begin, row_end) of the weight's rows.
  void (*matmul_f32)(const PlainMatmul&, size_t row_begin, size_t row_end);
  void (*matmul_f16)(const PlainMatmul&, size_t row_begin, size_t row_end);
  void (*matmul_bf16)(const PlainMatmul&, size_t row_begin, size_t row_end);
  // out for the 16 rows of each panel in [panel_begin, panel_end), at most `rows` in all.
  void (*matmul_int)(const IntPanels&, const IntActivations&, const Output&, size_t rows,
                     size_t panel_begin, size_t panel_end);
  // Fills the group-major arrays of `out` for tokens [begin, end) of x [n_tokens, k].
  void (*quantize)(const float* x, const IntActivations& out, size_t begin, size_t end);
  // Tokens [begin, end) of x [n_tokens, k] into their places for the plain products; `out` has
  // n_tokens rows of k rounded up to kPlainStep elements.
  void (*pack_f32)(const float* x, size_t n_tokens, size_t k, void* out, size_t begin, size_t end);
  void (*pack_bf16)(const float* x, size_t n_tokens, size_t k, void* out, size_t begin, size_t end);

  // Softmax over a query's visible positions, values summed: out = softmax(q k^T) v, in blocks of
  // 64 from position 0.
  void (*attention[kKvTypes])(const AttentionArgs&);  // by KvType
  // One position's key and value into its block.
  void (*write_kv[kKvTypes])(const float* key, const float* value, void* block, size_t slot,
                             size_t head_dim);

  void (*rms_norm)(const RowNorm&);
  // gate[i] = silu(gate[i]) * up[i]
  void (*swiglu)(float* gate, const float* up, size_t n);
  // Whether no element is infinite or NaN.
  bool (*all_finite_f32)(const void* data, size_t n);
  bool (*all_finite_f16)(const void* data, size_t n);
  bool (*all_finite_bf16)(const void* data, size_t n);

  // Multiply rates out of registers: `iterations` rounds of 12 independent vector operations;
  // returns the operations done (a multiply and an add are two). nullptr where the level has no
  // such product.
  double (*peak_f32)(size_t iterations);
  double (*peak_bf16)(size_t iterations);
  double (*peak_int8)(size_t iterations);
  // Reads [data, data + bytes), bytes a multiple of 128; returns a value that depends on all of it.
  uint64_t (*read_all)(const void* data, size_t bytes);
};

}  // namespace heng::kernels
