// Softmax attention over the KV cache in blocks of 64 positions from position 0, with a running
// maximum (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018). Keys lie
// transposed, so that 16 positions fill the lanes and a score is summed over head_dim in order;
// values are summed over positions in order. A query's bits depend on its own position alone, not
// on who shares its call. A bf16 cache holds pairs (kernel_table.h draws them), which levels that
// multiply bf16 take in one product, queries and softmax weights rounded to bf16. An int8 cache is
// widened to such pairs, exactly, once a block and call; its scales join scores and weights.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace heng::HENG_ISA {
namespace {

using kernels::AttentionArgs;
using kernels::kKvBlock;
using kernels::kMaxHeadDim;
using kernels::kQueryTile;

constexpr size_t kBlockVectors = kKvBlock / kLanes;

// How a cache is stored and multiplied: kDepth neighbours share a lane, factors (of queries and
// softmax weights) are broadcast. load_first_lanes: the second neighbour is not written yet, and
// reads as 0.
struct KvF32 {
  using Element = float;
  using Factor = float;
  static constexpr size_t kDepth = 1;
  static HENG_INLINE Vf load_lanes(const Element* p) { return load(p); }
  static HENG_INLINE Vf load_first_lanes(const Element* p) { return load(p); }
  static HENG_INLINE Vf broadcast(const Factor* p) { return set1(*p); }
  static HENG_INLINE Vf product(Vf acc, Vf factor, Vf lanes) { return fma(factor, lanes, acc); }
  static HENG_INLINE Element stored(float x) { return x; }
};
struct KvF16 : KvF32 {
  using Element = uint16_t;
  static HENG_INLINE Vf load_lanes(const Element* p) { return load_f16(p); }
  static HENG_INLINE Vf load_first_lanes(const Element* p) { return load_f16(p); }
  static HENG_INLINE Element stored(float x) { return float_to_half(x); }
};
#if defined(__AVX512BF16__)
struct KvBf16 {
  using Element = uint16_t;
  using Factor = uint16_t;
  static constexpr size_t kDepth = 2;
  static HENG_INLINE __m512bh load_lanes(const Element* p) { return (__m512bh)load_i(p); }
  static HENG_INLINE __m512bh load_first_lanes(const Element* p) {
    return (__m512bh)_mm512_and_si512(load_i(p), set1_i(0xffff));
  }
  static HENG_INLINE __m512bh broadcast(const Factor* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, 4);
    return (__m512bh)set1_i(pair);
  }
  static HENG_INLINE Vf product(Vf acc, __m512bh factor, __m512bh lanes) {
    return _mm512_dpbf16_ps(acc, lanes, factor);
  }
  static HENG_INLINE Element stored(float x) { return float_to_bf16(x); }
};
#else
struct KvBf16 {
  using Element = uint16_t;
  using Factor = float;
  static constexpr size_t kDepth = 2;
  static HENG_INLINE VfPair load_lanes(const Element* p) { return load_bf16_pairs(p); }
  static HENG_INLINE VfPair load_first_lanes(const Element* p) {
    return {load_bf16_pairs(p).even, zero_f()};
  }
  static HENG_INLINE VfPair broadcast(const Factor* p) { return {set1(p[0]), set1(p[1])}; }
  static HENG_INLINE Vf product(Vf acc, VfPair factor, VfPair lanes) {
    return fma(factor.odd, lanes.odd, fma(factor.even, lanes.even, acc));
  }
  static HENG_INLINE Element stored(float x) { return float_to_bf16(x); }
};
#endif

HENG_INLINE void to_factors(const float* x, float* out, size_t n) {
  for (size_t i = 0; i < n; i += kLanes) store(out + i, load(x + i));
}
HENG_INLINE void to_factors(const float* x, uint16_t* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = float_to_bf16(x[i]);
}

struct QueryState {
  float largest, total;
  alignas(64) float sum[kMaxHeadDim];
};

// scores[n][64] of N queries against one block of keys.
template <typename Kv, size_t N>
void block_scores(const typename Kv::Factor (*queries)[kMaxHeadDim], size_t head_dim,
                  const typename Kv::Element* keys, float (*scores)[kKvBlock]) {
  Vf acc[N][kBlockVectors];
  for (auto& of_query : acc) {
    for (Vf& v : of_query) v = zero_f();
  }
  for (size_t d = 0; d < head_dim; d += Kv::kDepth) {
    decltype(Kv::load_lanes(keys)) k[kBlockVectors];
    for (size_t v = 0; v < kBlockVectors; ++v) {
      k[v] = Kv::load_lanes(keys + d * kKvBlock + v * kLanes * Kv::kDepth);
    }
    for (size_t n = 0; n < N; ++n) {
      const auto q = Kv::broadcast(queries[n] + d);
      for (size_t v = 0; v < kBlockVectors; ++v) acc[n][v] = Kv::product(acc[n][v], q, k[v]);
    }
  }
  for (size_t n = 0; n < N; ++n) {
    for (size_t v = 0; v < kBlockVectors; ++v) store(scores[n] + v * kLanes, acc[n][v]);
  }
}

// Scores -> weights relative to the running maximum; rescales what was summed so far.
void block_softmax(QueryState& s, float* scores, size_t visible, size_t head_dim) {
  if (visible == 0) {
    for (size_t i = 0; i < kKvBlock; ++i) scores[i] = 0;
    return;
  }
  for (size_t i = visible; i < kKvBlock; ++i) scores[i] = -__builtin_inff();
  Vf most = load(scores);
  for (size_t v = 1; v < kBlockVectors; ++v) most = max(most, load(scores + v * kLanes));
  const float block_largest = max_lane(most);
  const float largest = block_largest > s.largest ? block_largest : s.largest;
  Vf total = zero_f();
  for (size_t v = 0; v < kBlockVectors; ++v) {
    const Vf p = exp(sub(load(scores + v * kLanes), set1(largest)));
    store(scores + v * kLanes, p);
    total = add(total, p);
  }
  if (largest > s.largest) {
    alignas(64) float factor[kLanes];
    store(factor, exp(set1(s.largest - largest)));  // 0 for the first block: -inf
    s.total *= factor[0];
    const Vf f = set1(factor[0]);
    for (size_t d = 0; d < head_dim; d += kLanes) store(s.sum + d, mul(load(s.sum + d), f));
    s.largest = largest;
  }
  s.total += sum_lanes(total);
}

// sum[d] += weight[pos] * value[pos, d] for V vectors of d from `d`, N queries, `visible`
// positions.
template <typename Kv, size_t N, size_t V>
HENG_INLINE void add_values(QueryState* s, const typename Kv::Factor (*weights)[kKvBlock],
                            const typename Kv::Element* values, size_t head_dim, size_t d,
                            size_t visible) {
  Vf acc[N][V];
  for (size_t n = 0; n < N; ++n) {
    for (size_t v = 0; v < V; ++v) acc[n][v] = load(s[n].sum + d + v * kLanes);
  }
  for (size_t pos = 0; pos < visible; pos += Kv::kDepth) {
    const bool whole = pos + Kv::kDepth <= visible;
    decltype(Kv::load_lanes(values)) x[V];
    for (size_t v = 0; v < V; ++v) {
      const auto* at = values + pos * head_dim + (d + v * kLanes) * Kv::kDepth;
      x[v] = whole ? Kv::load_lanes(at) : Kv::load_first_lanes(at);
    }
    for (size_t n = 0; n < N; ++n) {
      const auto w = Kv::broadcast(weights[n] + pos);
      for (size_t v = 0; v < V; ++v) acc[n][v] = Kv::product(acc[n][v], w, x[v]);
    }
  }
  for (size_t n = 0; n < N; ++n) {
    for (size_t v = 0; v < V; ++v) store(s[n].sum + d + v * kLanes, acc[n][v]);
  }
}

// One block of positions as the products take it, and the scales of what is stored as integers
// ([64] each, or nullptr).
template <typename Kv>
struct BlockView {
  const typename Kv::Element* keys;
  const typename Kv::Element* values;
  const float* key_scales;
  const float* value_scales;
  size_t start;
};

// x[i] *= scales[i] for the first n; what lies behind them may not be written yet.
HENG_INLINE void scale_by(float* x, const float* scales, size_t n) {
  if (scales == nullptr) return;
  for (size_t i = 0; i < n; i += kLanes) {
    const Vf s = n - i < kLanes ? load_first(scales + i, n - i) : load(scales + i);
    store(x + i, mul(load(x + i), s));
  }
}

// What a call keeps of each query between blocks.
template <typename Kv>
struct Queries {
  QueryState state[kQueryTile];
  alignas(64) typename Kv::Factor factors[kQueryTile][kMaxHeadDim];
};

// One block for queries [first, first + N): scores, softmax, values.
template <typename Kv, size_t N>
void attend_block(const AttentionArgs& a, size_t first, const BlockView<Kv>& block,
                  Queries<Kv>& queries) {
  const size_t furthest = a.n_visible[first + N - 1];
  if (furthest <= block.start) return;
  QueryState* state = queries.state + first;
  alignas(64) float scores[N][kKvBlock];
  alignas(64) typename Kv::Factor weights[N][kKvBlock];
  block_scores<Kv, N>(queries.factors + first, a.head_dim, block.keys, scores);
  for (size_t n = 0; n < N; ++n) {
    const size_t seen = a.n_visible[first + n];
    const size_t left = seen <= block.start ? 0 : seen - block.start;
    const size_t here = left < kKvBlock ? left : kKvBlock;
    scale_by(scores[n], block.key_scales, here);
    block_softmax(state[n], scores[n], here, a.head_dim);
    scale_by(scores[n], block.value_scales, here);
    to_factors(scores[n], weights[n], kKvBlock);
  }
  const size_t left = furthest - block.start, visible = left < kKvBlock ? left : kKvBlock;
  size_t d = 0;
  for (; d + 4 * kLanes <= a.head_dim; d += 4 * kLanes) {
    add_values<Kv, N, 4>(state, weights, block.values, a.head_dim, d, visible);
  }
  for (; d < a.head_dim; d += kLanes) {
    add_values<Kv, N, 1>(state, weights, block.values, a.head_dim, d, visible);
  }
}

// All queries of a call on one block.
template <typename Kv>
void attend_all(const AttentionArgs& a, const BlockView<Kv>& block, Queries<Kv>& queries) {
  size_t n = 0;
  for (; n + 6 <= a.n_queries; n += 6) attend_block<Kv, 6>(a, n, block, queries);
  for (; n + 3 <= a.n_queries; n += 3) attend_block<Kv, 3>(a, n, block, queries);
  for (; n < a.n_queries; ++n) attend_block<Kv, 1>(a, n, block, queries);
}

template <typename Kv>
void begin(const AttentionArgs& a, Queries<Kv>& queries) {
  for (size_t n = 0; n < a.n_queries; ++n) {
    QueryState& s = queries.state[n];
    s.largest = -__builtin_inff();
    s.total = 0;
    for (size_t d = 0; d < a.head_dim; d += kLanes) store(s.sum + d, zero_f());
    to_factors(a.q + a.q_offset[n], queries.factors[n], a.head_dim);
  }
}

template <typename Kv>
void finish(const AttentionArgs& a, const Queries<Kv>& queries) {
  for (size_t n = 0; n < a.n_queries; ++n) {
    float* out = a.out + a.out_offset[n];
    const Vf total = set1(queries.state[n].total);
    for (size_t d = 0; d < a.head_dim; d += kLanes) {
      store(out + d, div(load(queries.state[n].sum + d), total));
    }
  }
}

template <typename Kv>
void attention(const AttentionArgs& a) {
  Queries<Kv> queries;
  begin(a, queries);
  const size_t furthest = a.n_visible[a.n_queries - 1];
  for (size_t start = 0; start < furthest; start += kKvBlock) {
    const auto* keys = static_cast<const typename Kv::Element*>(a.blocks[start / kKvBlock]);
    attend_all<Kv>(a, {keys, keys + a.head_dim * kKvBlock, nullptr, nullptr, start}, queries);
  }
  finish(a, queries);
}

// Integers to bf16, which holds them exactly.
HENG_INLINE void widen(const int8_t* from, uint16_t* to, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const float x = from[i];
    uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    to[i] = static_cast<uint16_t>(bits >> 16);
  }
}

void attention_i8(const AttentionArgs& a) {
  Queries<KvBf16> queries;
  begin(a, queries);
  const size_t furthest = a.n_visible[a.n_queries - 1], half = a.head_dim * kKvBlock;
  alignas(64) uint16_t wide[2 * kMaxHeadDim * kKvBlock];
  for (size_t start = 0; start < furthest; start += kKvBlock) {
    const auto* keys = static_cast<const int8_t*>(a.blocks[start / kKvBlock]);
    const auto* scales = reinterpret_cast<const float*>(keys + 2 * half);
    widen(keys, wide, 2 * half);
    attend_all<KvBf16>(a, {wide, wide + half, scales, scales + kKvBlock, start}, queries);
  }
  finish(a, queries);
}

// Where element d of a key or value of the position in `slot` lies behind the block's first key or
// value.
HENG_INLINE size_t key_place(size_t depth, size_t d, size_t slot) {
  return d / depth * depth * kKvBlock + slot * depth + d % depth;
}
HENG_INLINE size_t value_place(size_t depth, size_t d, size_t slot, size_t head_dim) {
  return slot / depth * depth * head_dim + d * depth + slot % depth;
}

template <typename Kv>
void write_kv(const float* key, const float* value, void* block, size_t slot, size_t head_dim) {
  auto* keys = static_cast<typename Kv::Element*>(block);
  auto* values = keys + head_dim * kKvBlock;
  for (size_t d = 0; d < head_dim; ++d) {
    keys[key_place(Kv::kDepth, d, slot)] = Kv::stored(key[d]);
    values[value_place(Kv::kDepth, d, slot, head_dim)] = Kv::stored(value[d]);
  }
}

// x = scale * q with q in [-127, 127]: `put` takes each q, the scale is returned.
template <typename Put>
HENG_INLINE float to_int8(const float* x, size_t n, const Put& put) {
  Vf most = zero_f();
  for (size_t i = 0; i < n; i += kLanes) most = max(most, abs(load(x + i)));
  const float largest = max_lane(most);
  const float inverse = largest > 0 ? 127 / largest : 0;
  for (size_t i = 0; i < n; ++i) put(i, static_cast<int8_t>(__builtin_rintf(x[i] * inverse)));
  return largest / 127;
}

void write_kv_i8(const float* key, const float* value, void* block, size_t slot, size_t head_dim) {
  constexpr size_t kDepth = KvBf16::kDepth;
  auto* keys = static_cast<int8_t*>(block);
  auto* values = keys + head_dim * kKvBlock;
  auto* scales = reinterpret_cast<float*>(values + head_dim * kKvBlock);
  scales[slot] =
      to_int8(key, head_dim, [&](size_t d, int8_t q) { keys[key_place(kDepth, d, slot)] = q; });
  scales[kKvBlock + slot] = to_int8(value, head_dim, [&](size_t d, int8_t q) {
    values[value_place(kDepth, d, slot, head_dim)] = q;
  });
}

}  // namespace
}  // namespace heng::HENG_ISA
