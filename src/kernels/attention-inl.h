// Softmax attention over the KV cache in blocks of 64 positions from position 0, with a running
// maximum (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018). Keys lie
// transposed, so that 16 positions fill the lanes and a score is summed over head_dim in order;
// values are summed over positions in order. A query's bits depend on its own position alone, not
// on who shares its tile.
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

struct KvF32 {
  using Element = float;
  static HENG_INLINE Vf load_lanes(const Element* p) { return load(p); }
  static HENG_INLINE void store_lanes(Element* p, Vf v) { store(p, v); }
};
struct KvF16 {
  using Element = uint16_t;
  static HENG_INLINE Vf load_lanes(const Element* p) { return load_f16(p); }
  static HENG_INLINE void store_lanes(Element* p, Vf v) { store_f16(p, v); }
};
struct KvBf16 {
  using Element = uint16_t;
  static HENG_INLINE Vf load_lanes(const Element* p) { return load_bf16(p); }
  static HENG_INLINE void store_lanes(Element* p, Vf v) {
    alignas(64) float t[kLanes];
    store(t, v);
    for (size_t i = 0; i < kLanes; ++i) p[i] = float_to_bf16(t[i]);
  }
};

struct QueryState {
  float largest, total;
  alignas(64) float sum[kMaxHeadDim];
};

// scores[n][64] of N queries against one block of keys.
template <typename Kv, size_t N>
void block_scores(const AttentionArgs& a, size_t first, const typename Kv::Element* keys,
                  float (*scores)[kKvBlock]) {
  Vf acc[N][kBlockVectors];
  for (auto& of_query : acc) {
    for (Vf& v : of_query) v = zero_f();
  }
  for (size_t d = 0; d < a.head_dim; ++d) {
    Vf k[kBlockVectors];
    for (size_t v = 0; v < kBlockVectors; ++v) {
      k[v] = Kv::load_lanes(keys + d * kKvBlock + v * kLanes);
    }
    for (size_t n = 0; n < N; ++n) {
      const Vf q = set1(a.q[a.q_offset[first + n] + d]);
      for (size_t v = 0; v < kBlockVectors; ++v) acc[n][v] = fma(q, k[v], acc[n][v]);
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
HENG_INLINE void add_values(QueryState* s, const float (*weights)[kKvBlock],
                            const typename Kv::Element* values, size_t head_dim, size_t d,
                            size_t visible) {
  Vf acc[N][V];
  for (size_t n = 0; n < N; ++n) {
    for (size_t v = 0; v < V; ++v) acc[n][v] = load(s[n].sum + d + v * kLanes);
  }
  for (size_t pos = 0; pos < visible; ++pos) {
    Vf x[V];
    for (size_t v = 0; v < V; ++v) x[v] = Kv::load_lanes(values + pos * head_dim + d + v * kLanes);
    for (size_t n = 0; n < N; ++n) {
      const Vf w = set1(weights[n][pos]);
      for (size_t v = 0; v < V; ++v) acc[n][v] = fma(w, x[v], acc[n][v]);
    }
  }
  for (size_t n = 0; n < N; ++n) {
    for (size_t v = 0; v < V; ++v) store(s[n].sum + d + v * kLanes, acc[n][v]);
  }
}

// Queries [first, first + N): all their blocks.
template <typename Kv, size_t N>
void attend(const AttentionArgs& a, size_t first) {
  QueryState state[N];
  for (QueryState& s : state) {
    s.largest = -__builtin_inff();
    s.total = 0;
    for (size_t d = 0; d < a.head_dim; d += kLanes) store(s.sum + d, zero_f());
  }
  const size_t furthest = a.n_visible[first + N - 1];
  alignas(64) float scores[N][kKvBlock];
  for (size_t start = 0; start < furthest; start += kKvBlock) {
    const auto* keys = static_cast<const typename Kv::Element*>(a.blocks[start / kKvBlock]);
    const auto* values = keys + a.head_dim * kKvBlock;
    block_scores<Kv, N>(a, first, keys, scores);
    for (size_t n = 0; n < N; ++n) {
      const size_t seen = a.n_visible[first + n];
      const size_t here = seen <= start ? 0 : seen - start < kKvBlock ? seen - start : kKvBlock;
      block_softmax(state[n], scores[n], here, a.head_dim);
    }
    const size_t visible = furthest - start < kKvBlock ? furthest - start : kKvBlock;
    size_t d = 0;
    for (; d + 4 * kLanes <= a.head_dim; d += 4 * kLanes) {
      add_values<Kv, N, 4>(state, scores, values, a.head_dim, d, visible);
    }
    for (; d < a.head_dim; d += kLanes) {
      add_values<Kv, N, 1>(state, scores, values, a.head_dim, d, visible);
    }
  }
  for (size_t n = 0; n < N; ++n) {
    float* out = a.out + a.out_offset[first + n];
    const Vf total = set1(state[n].total);
    for (size_t d = 0; d < a.head_dim; d += kLanes)
      store(out + d, div(load(state[n].sum + d), total));
  }
}

template <typename Kv>
void attention(const AttentionArgs& a) {
  size_t n = 0;
  for (; n + 6 <= a.n_queries; n += 6) attend<Kv, 6>(a, n);
  for (; n + 3 <= a.n_queries; n += 3) attend<Kv, 3>(a, n);
  for (; n < a.n_queries; ++n) attend<Kv, 1>(a, n);
}

template <typename Kv>
void write_kv(const float* key, const float* value, void* block, size_t slot, size_t head_dim) {
  auto* keys = static_cast<typename Kv::Element*>(block);
  auto* values = keys + head_dim * kKvBlock;
  for (size_t d = 0; d < head_dim; d += kLanes) {
    typename Kv::Element lanes[kLanes];
    Kv::store_lanes(lanes, load(key + d));
    for (size_t i = 0; i < kLanes; ++i) keys[(d + i) * kKvBlock + slot] = lanes[i];
    Kv::store_lanes(values + slot * head_dim + d, load(value + d));
  }
}

}  // namespace
}  // namespace heng::HENG_ISA
