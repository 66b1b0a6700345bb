// Products with row-major f32, f16 and bf16 weights, read in place. 16 rows lie in the lanes: a
// block of 16 units of k (a unit: one k, or two where the level multiplies bf16 pairs) is turned in
// registers, and each lane sums its row's products with a token over k in order, in one
// accumulator. One token takes blocks from the registers; more tokens share two turned panels in
// `room`, so that weights are read from memory once. Tile shape, tails and thread split never
// change a bit.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace heng::HENG_ISA {
namespace {

using kernels::kPlainPanels;
using kernels::kPlainStep;
using kernels::kPlainTile;
using kernels::Output;
using kernels::PlainMatmul;
using kernels::Store;

// Panels and tokens that share a walk: as many as accumulators fit in registers.
#if defined(__AVX512F__)
constexpr size_t kWalkPanels = 2, kWalkTokens = 12;
#else
constexpr size_t kWalkPanels = 1, kWalkTokens = 6;
#endif
static_assert(kWalkPanels <= kPlainPanels);

// How weights and activations of a type meet. kBytes: of a weight; kDepth: k in a unit; kParts:
// products that a unit takes. units: 16 units of one row; first_units: the first n k of them, zeros
// behind.
struct LoadF32 {
  using X = float;
  static constexpr size_t kBytes = 4, kDepth = 1, kParts = 1;
  static HENG_INLINE Vf units(const char* p) { return load(reinterpret_cast<const float*>(p)); }
  static HENG_INLINE Vf first_units(const char* p, size_t n) {
    return load_first(reinterpret_cast<const float*>(p), n);
  }
  static HENG_INLINE Vf part(Vf units, size_t) { return units; }
  static HENG_INLINE Vf broadcast(const X* p) { return set1(*p); }
  static HENG_INLINE Vf product(Vf acc, Vf w, Vf x) { return fma(w, x, acc); }
};

struct LoadF16 : LoadF32 {
  static constexpr size_t kBytes = 2;
  static HENG_INLINE Vf units(const char* p) { return load_f16(p); }
  static HENG_INLINE Vf first_units(const char* p, size_t n) { return load_first_f16(p, n); }
};

// Pairs of bf16, which lie in the lanes as they do in memory.
struct LoadBf16 : LoadF32 {
  static constexpr size_t kBytes = 2, kDepth = 2;
  static HENG_INLINE Vf first_units(const char* p, size_t n) {
    alignas(64) uint16_t pairs[2 * kLanes] = {};
    __builtin_memcpy(pairs, p, n * kBytes);
    return load(reinterpret_cast<const float*>(pairs));
  }
#if defined(__AVX512BF16__)
  using X = uint16_t;
  static HENG_INLINE Vf broadcast(const X* p) {
    float pair;
    __builtin_memcpy(&pair, p, 4);
    return set1(pair);
  }
  static HENG_INLINE Vf product(Vf acc, Vf w, Vf x) {
    return _mm512_dpbf16_ps(acc, (__m512bh)w, (__m512bh)x);
  }
#else
  static constexpr size_t kParts = 2;
  static HENG_INLINE Vf part(Vf pairs, size_t i) {
    return i == 0 ? low_bf16(pairs) : high_bf16(pairs);
  }
#endif
};

// k of a block.
template <typename L>
constexpr size_t kBlock = kLanes* L::kDepth;

HENG_INLINE size_t padded(size_t k) {
  return (k + kPlainStep - 1) / kPlainStep * kPlainStep;
}

HENG_INLINE void put_rows(const Output& out, size_t token, size_t row, size_t n, Vf sum) {
  float* at = out.data + token * out.stride + row;
  if (n == kLanes) {
    if (out.bias) sum = add(sum, load(out.bias + row));
    if (out.store == Store::kAdd) sum = add(load(at), sum);
    store(at, sum);
  } else {
    if (out.bias) sum = add(sum, load_first(out.bias + row, n));
    if (out.store == Store::kAdd) sum = add(load_first(at, n), sum);
    store_first(at, sum, n);
  }
}

// Some rows of the weight, and what to ask memory for meanwhile.
struct RowTask {
  size_t row;
  const void* ahead;   // the rows that come next
  size_t ahead_bytes;  // 0: none do
};

// Part `i` of `n` of the bytes that the next rows take.
HENG_INLINE void prefetch_part(const RowTask& rows, size_t i, size_t n) {
  const size_t end = rows.ahead_bytes * (i + 1) / n;
  for (size_t at = rows.ahead_bytes * i / n / 64 * 64; at < end; at += 64) {
    __builtin_prefetch(static_cast<const char*>(rows.ahead) + at);
  }
}

// 16 rows of the weight: behind the last of a matrix it stands again. ahead_bytes: from each row to
// the one at its place among those that come next; 0: none do.
struct PanelRows {
  const char* row[kLanes];
  size_t ahead_bytes;
};

HENG_INLINE PanelRows panel_rows(const PlainMatmul& m, size_t row_bytes, size_t row, size_t n) {
  PanelRows rows;
  const char* at = static_cast<const char*>(m.weight) + row * row_bytes;
  for (size_t r = 0; r < kLanes; ++r) rows.row[r] = at + (r < n ? r : n - 1) * row_bytes;
  return rows;
}

// Block at column k, turned: lane r of w[j] is unit j of row r.
template <typename L>
HENG_INLINE void load_block(const PanelRows& rows, size_t k, Vf (&w)[kLanes]) {
  // Rows are about a page long, so that the processor's own prefetching begins anew with each:
  // every line asks for the one at its place in the rows that come next.
  for (const char* row : rows.row) {
    __builtin_prefetch(row + k * L::kBytes + rows.ahead_bytes, 0, 2);
  }
  transpose([&](size_t r) { return L::units(rows.row[r] + k * L::kBytes); }, w);
}
// n k of it, less than a block.
template <typename L>
HENG_INLINE void load_part(const PanelRows& rows, size_t k, size_t n, Vf (&w)[kLanes]) {
  transpose([&](size_t r) { return L::first_units(rows.row[r] + k * L::kBytes, n); }, w);
}

// How many k come before the first whole block, so that its loads do not cross cache lines. Rows
// whose length is a multiple of 4096 bytes share a set of the L1 cache, which is too small for 16
// of them: half read lines would be fetched twice.
template <typename L>
HENG_INLINE size_t head_of(const PanelRows& rows, size_t k_end) {
  constexpr size_t kBlockBytes = kBlock<L> * L::kBytes;
  const size_t bytes = -reinterpret_cast<uintptr_t>(rows.row[0]) % kBlockBytes;
  if (bytes % (L::kDepth * L::kBytes) != 0) return 0;
  const size_t n = bytes / L::kBytes;
  return n < k_end ? n : k_end;
}

// body(w, k, n) for all blocks: w[j], j < n, are the units from column k on.
template <typename L, typename Body>
HENG_INLINE void for_blocks(const PanelRows& rows, size_t k_end, const Body& body) {
  Vf w[kLanes];
  size_t k = head_of<L>(rows, k_end);
  if (k > 0) {
    load_part<L>(rows, 0, k, w);
    body(w, 0, (k + L::kDepth - 1) / L::kDepth);
  }
  for (; k + kBlock<L> <= k_end; k += kBlock<L>) {
    load_block<L>(rows, k, w);
    body(w, k, kLanes);
  }
  if (k == k_end) return;
  load_part<L>(rows, k, k_end - k, w);
  body(w, k, (k_end - k + L::kDepth - 1) / L::kDepth);
}

// One token: weights go from memory through registers.
template <typename L>
HENG_INLINE Vf one_token(const PanelRows& rows, size_t k_end, const typename L::X* x) {
  Vf acc = zero_f();
  for_blocks<L>(rows, k_end, [&](const Vf(&w)[kLanes], size_t k, size_t n) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t i = 0; i < L::kParts; ++i) {
        const auto xj = L::broadcast(x + k + j * L::kDepth + i);
        acc = L::product(acc, L::part(w[j], i), xj);
      }
    }
  });
  return acc;
}

// Into panel `p` of P in `room`: [unit][P][16 rows].
template <typename L, size_t P>
HENG_INLINE void turn_panel(const PanelRows& rows, size_t k_end, size_t p, float* room) {
  for_blocks<L>(rows, k_end, [&](const Vf(&w)[kLanes], size_t k, size_t n) {
    float* to = room + (k / L::kDepth * P + p) * kLanes;
    for (size_t j = 0; j < n; ++j) store(to + j * P * kLanes, w[j]);
  });
}

// A run of tokens inside one tile of `tile_tokens`.
template <typename L>
struct TokenTask {
  const typename L::X* x;
  size_t tile_tokens, token;
};

// P turned panels x T tokens.
template <typename L, size_t P, size_t T>
void plain_tile(const PlainMatmul& m, const TokenTask<L>& tokens, size_t row, size_t row_end) {
  Vf acc[P][T];
  for (auto& of_panel : acc) {
    for (Vf& a : of_panel) a = zero_f();
  }
  const float* panels = m.room;
  const auto* x = tokens.x;
  const auto add_units = [&](size_t n) {
    for (size_t j = 0; j < n; ++j, panels += P * kLanes) {
      for (size_t i = 0; i < L::kParts; ++i) {
        Vf w[P];
        for (size_t p = 0; p < P; ++p) w[p] = L::part(load(panels + p * kLanes), i);
        for (size_t t = 0; t < T; ++t) {
          const Vf xt = L::broadcast(x + t * kPlainStep + j * L::kDepth + i);
          for (size_t p = 0; p < P; ++p) acc[p][t] = L::product(acc[p][t], w[p], xt);
        }
      }
    }
    x += tokens.tile_tokens * kPlainStep;
  };
  const size_t left_k = m.k % kPlainStep;
  for (size_t k = left_k; k < m.k; k += kPlainStep) add_units(kPlainStep / L::kDepth);
  if (left_k > 0) add_units((left_k + L::kDepth - 1) / L::kDepth);
  for (size_t p = 0; p < P; ++p) {
    const size_t first = row + p * kLanes, left = row_end - first;
    for (size_t t = 0; t < T; ++t) {
      put_rows(m.out, tokens.token + t, first, left < kLanes ? left : kLanes, acc[p][t]);
    }
  }
}

// Rows [row, row_end), at most 16 P of them, for all tokens.
template <typename L, size_t P>
void plain_panels(const PlainMatmul& m, size_t row, size_t row_end, size_t ahead_bytes) {
  for (size_t p = 0; p < P; ++p) {
    const size_t first = row + p * kLanes;
    PanelRows rows = panel_rows(m, m.k * L::kBytes, first, row_end - first);
    rows.ahead_bytes = ahead_bytes;
    turn_panel<L, P>(rows, m.k, p, m.room);
  }
  for (size_t first = 0; first < m.n_tokens; first += kPlainTile) {
    const size_t left = m.n_tokens - first, nt = left < kPlainTile ? left : kPlainTile;
    const auto* x = static_cast<const typename L::X*>(m.x) + first * padded(m.k);
    const auto task = [&](size_t t) { return TokenTask<L>{x + t * kPlainStep, nt, first + t}; };
    size_t t = 0;
    for (; t + kWalkTokens <= nt; t += kWalkTokens) {
      plain_tile<L, P, kWalkTokens>(m, task(t), row, row_end);
    }
    if constexpr (kWalkTokens > 8) {
      for (; t + 8 <= nt; t += 8) plain_tile<L, P, 8>(m, task(t), row, row_end);
    }
    for (; t + 4 <= nt; t += 4) plain_tile<L, P, 4>(m, task(t), row, row_end);
    for (; t + 2 <= nt; t += 2) plain_tile<L, P, 2>(m, task(t), row, row_end);
    for (; t < nt; ++t) plain_tile<L, P, 1>(m, task(t), row, row_end);
  }
}

// Rows [row, row_end), at most 16, for the only token.
template <typename L>
void plain_row(const PlainMatmul& m, size_t row, size_t row_end, size_t ahead_bytes) {
  PanelRows rows = panel_rows(m, m.k * L::kBytes, row, row_end - row);
  rows.ahead_bytes = ahead_bytes;
  const auto* x = static_cast<const typename L::X*>(m.x);
  put_rows(m.out, 0, row, row_end - row, one_token<L>(rows, m.k, x));
}

template <typename L>
void matmul_plain(const PlainMatmul& m, size_t row_begin, size_t row_end) {
  constexpr size_t kMost = kWalkPanels * kLanes;
  for (size_t row = row_begin; row < row_end;) {
    const size_t left = row_end - row;
    const size_t most = m.n_tokens == 1 || left < kMost ? kLanes : kMost;
    const size_t n = left < most ? left : most;
    // Behind row_end too: the caller probably goes on there.
    const size_t ahead_bytes = m.rows - row >= 2 * most ? most * m.k * L::kBytes : 0;
    if (m.n_tokens == 1) {
      plain_row<L>(m, row, row + n, ahead_bytes);
    } else if (most == kLanes) {
      plain_panels<L, 1>(m, row, row + n, ahead_bytes);
    } else {
      plain_panels<L, kWalkPanels>(m, row, row + n, ahead_bytes);
    }
    row += n;
  }
}

template <typename X>
HENG_INLINE X converted(float x);
template <>
HENG_INLINE float converted<float>(float x) {
  return x;
}
// Not _mm512_cvtneps_pbh where there is one: it flushes subnormals, and the other levels do not.
template <>
HENG_INLINE uint16_t converted<uint16_t>(float x) {
  return float_to_bf16(x);
}

template <typename X>
void pack_plain(const float* x, size_t n_tokens, size_t k, void* out, size_t begin, size_t end) {
  const size_t width = padded(k), whole = k - k % kPlainStep;
  for (size_t token = begin; token < end; ++token) {
    const size_t first = token / kPlainTile * kPlainTile;
    const size_t nt = n_tokens - first < kPlainTile ? n_tokens - first : kPlainTile;
    const float* from = x + token * k;
    X* to = static_cast<X*>(out) + first * width + (token - first) * kPlainStep;
    for (size_t i = 0; i < whole; i += kPlainStep, to += nt * kPlainStep) {
      for (size_t j = 0; j < kPlainStep; ++j) to[j] = converted<X>(from[i + j]);
    }
    if (whole == k) continue;
    for (size_t j = 0; j < kPlainStep; ++j) {
      to[j] = whole + j < k ? converted<X>(from[whole + j]) : X{};
    }
  }
}

}  // namespace
}  // namespace heng::HENG_ISA
