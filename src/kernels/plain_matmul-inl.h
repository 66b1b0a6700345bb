// Products with row-major f32, f16 and bf16 weights, read in place. Lanes run along k; a tile of
// rows x tokens shares its loads; each output element owns one accumulator of 16 lanes, summed over
// k in order and folded in the tree of sum_lanes. So tile shape, tails and thread split never
// change a bit.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace heng::HENG_ISA {
namespace {

using kernels::kPlainStep;
using kernels::kPlainTile;
using kernels::Output;
using kernels::PlainMatmul;
using kernels::Store;

// Tokens of activations that are walked again for each row tile: the size of an L2 cache. With half
// of it the weights are read from memory twice as often, which cost 10 % of the speed at k = 4096
// (spilling into L3 costs less).
constexpr size_t kPlainBlockBytes = 1024 * 1024;

struct LoadF32 {
  using X = float;
  static constexpr size_t kBytes = 4, kStep = kLanes;
  static HENG_INLINE Vf weight(const char* p) { return load(reinterpret_cast<const float*>(p)); }
  static HENG_INLINE Vf weight_first(const char* p, size_t n) {
    return load_first(reinterpret_cast<const float*>(p), n);
  }
  static HENG_INLINE Vf x(const X* p) { return load(p); }
  static HENG_INLINE Vf product(Vf acc, Vf w, Vf x) { return fma(w, x, acc); }
};

struct LoadF16 : LoadF32 {
  static constexpr size_t kBytes = 2;
  static HENG_INLINE Vf weight(const char* p) { return load_f16(p); }
  static HENG_INLINE Vf weight_first(const char* p, size_t n) { return load_first_f16(p, n); }
};

#if defined(__AVX512BF16__)
// Pairs of k in lanes, 32 a step; activations are bf16 too.
struct LoadBf16 {
  using X = uint16_t;
  static constexpr size_t kBytes = 2, kStep = 32;
  static HENG_INLINE __m512i weight(const char* p) { return load_i(p); }
  static HENG_INLINE __m512i weight_first(const char* p, size_t n) {
    return _mm512_maskz_loadu_epi16((1u << n) - 1, p);
  }
  static HENG_INLINE __m512i x(const X* p) { return load_i(p); }
  static HENG_INLINE Vf product(Vf acc, __m512i w, __m512i x) {
    return _mm512_dpbf16_ps(acc, (__m512bh)w, (__m512bh)x);
  }
};
#else
struct LoadBf16 : LoadF32 {
  static constexpr size_t kBytes = 2;
  static HENG_INLINE Vf weight(const char* p) { return load_bf16(p); }
  static HENG_INLINE Vf weight_first(const char* p, size_t n) { return load_first_bf16(p, n); }
};
#endif

HENG_INLINE void put(const Output& out, size_t token, size_t row, float sum) {
  if (out.bias) sum += out.bias[row];
  float* at = out.data + token * out.stride + row;
  *at = out.store == Store::kAdd ? *at + sum : sum;
}

HENG_INLINE size_t padded(size_t k) {
  return (k + kPlainStep - 1) / kPlainStep * kPlainStep;
}

// Folding one accumulator at a time cost a tenth of a prompt's time, so four rows of four tokens go
// together where there are as many.
template <size_t R, size_t T>
HENG_INLINE void put_sums(const Output& out, size_t token, size_t row, const Vf (&acc)[R][T]) {
  if constexpr (R == 4 && T > 1) {
    for (size_t first = 0; first < T; first += 4) {
      Vf sixteen[16];
      for (size_t i = 0; i < 16; ++i) {
        const size_t t = first + i % 4;
        sixteen[i] = t < T ? acc[i / 4][t] : zero_f();
      }
      alignas(64) float sums[kLanes];
      store(sums, sum_lanes_of_16(sixteen));
      for (size_t t = first; t < T && t < first + 4; ++t) {
        for (size_t r = 0; r < 4; ++r) put(out, token + t, row + r, sums[4 * (t - first) + r]);
      }
    }
  } else {
    for (size_t r = 0; r < R; ++r) {
      for (size_t t = 0; t < T; ++t) put(out, token + t, row + r, sum_lanes(acc[r][t]));
    }
  }
}

// Some rows of the weight, and what to ask memory for meanwhile.
struct RowTask {
  size_t row;
  const void* ahead;   // the rows that come next
  size_t ahead_bytes;  // 0: none do
};

// A run of tokens inside one tile of `tile_tokens`.
template <typename L>
struct TokenTask {
  const typename L::X* x;
  size_t tile_tokens, token;
};

// One step of k: R rows x T tokens.
template <typename L, size_t R, size_t T, typename W>
HENG_INLINE void plain_step(Vf (&acc)[R][T], const W (&w)[R], const typename L::X* x) {
  for (size_t t = 0; t < T; ++t) {
    const auto xt = L::x(x + t * L::kStep);
    for (size_t r = 0; r < R; ++r) acc[r][t] = L::product(acc[r][t], w[r], xt);
  }
}

// Rows [row, row + R) x tokens [token, token + T).
template <typename L, size_t R, size_t T>
void plain_tile(const PlainMatmul& m, size_t row, const TokenTask<L>& tokens) {
  const char* w = static_cast<const char*>(m.weight) + row * m.k * L::kBytes;
  const size_t row_bytes = m.k * L::kBytes, x_step = tokens.tile_tokens * L::kStep;
  const auto* x = tokens.x;
  Vf acc[R][T];
  for (auto& of_row : acc) {
    for (Vf& a : of_row) a = zero_f();
  }
  decltype(L::weight(w)) ws[R];
  const size_t whole = m.k - m.k % L::kStep;
  for (size_t k = 0; k < whole; k += L::kStep, x += x_step) {
    for (size_t r = 0; r < R; ++r) {
      const char* at = w + r * row_bytes + k * L::kBytes;
      // One token reads weights as fast as memory gives them: each line asks for the one at its
      // place in the rows that come next. Rows are about a page long, so that the processor's own
      // prefetching begins anew with each.
      if constexpr (T == 1) __builtin_prefetch(at + R * row_bytes, 0, 2);
      ws[r] = L::weight(at);
    }
    plain_step<L, R, T>(acc, ws, x);
  }
  if (const size_t left = m.k - whole; left > 0) {
    for (size_t r = 0; r < R; ++r) {
      ws[r] = L::weight_first(w + r * row_bytes + whole * L::kBytes, left);
    }
    plain_step<L, R, T>(acc, ws, x);
  }
  put_sums<R, T>(m.out, tokens.token, row, acc);
}

// Part `i` of `n` of the bytes that the next rows take.
HENG_INLINE void prefetch_part(const RowTask& rows, size_t i, size_t n) {
  const size_t end = rows.ahead_bytes * (i + 1) / n;
  for (size_t at = rows.ahead_bytes * i / n / 64 * 64; at < end; at += 64) {
    __builtin_prefetch(static_cast<const char*>(rows.ahead) + at);
  }
}

// R rows x tokens [begin, end), whole tiles but for the last.
template <typename L, size_t R>
void plain_rows(const PlainMatmul& m, const RowTask& rows, size_t begin, size_t end) {
  const size_t n_tiles = (end - begin + kPlainTile - 1) / kPlainTile, k = padded(m.k);
  for (size_t i = 0; i < n_tiles; ++i) {
    const size_t first = begin + i * kPlainTile;
    const size_t nt = end - first < kPlainTile ? end - first : kPlainTile;
    const auto* x = static_cast<const typename L::X*>(m.x) + first * k;
    if (n_tiles > 1) prefetch_part(rows, i, n_tiles);
    size_t t = 0;
    for (; t + 6 <= nt; t += 6) plain_tile<L, R, 6>(m, rows.row, {x + t * L::kStep, nt, first + t});
    for (; t + 3 <= nt; t += 3) plain_tile<L, R, 3>(m, rows.row, {x + t * L::kStep, nt, first + t});
    for (; t < nt; ++t) plain_tile<L, R, 1>(m, rows.row, {x + t * L::kStep, nt, first + t});
  }
}

template <typename L>
void matmul_plain(const PlainMatmul& m, size_t row_begin, size_t row_end) {
  constexpr size_t kRows = 4;
  size_t block = kPlainBlockBytes / (padded(m.k) * sizeof(typename L::X)) / kPlainTile * kPlainTile;
  if (block < kPlainTile) block = kPlainTile;
  const size_t row_bytes = m.k * L::kBytes;
  const char* weight = static_cast<const char*>(m.weight);
  for (size_t t = 0; t < m.n_tokens; t += block) {
    const size_t end = t + block < m.n_tokens ? t + block : m.n_tokens;
    size_t r = row_begin;
    for (; r + kRows <= row_end; r += kRows) {
      const bool more = r + 2 * kRows <= row_end;
      const RowTask rows{r, weight + (r + kRows) * row_bytes, more ? kRows * row_bytes : 0};
      plain_rows<L, kRows>(m, rows, t, end);
    }
    for (; r < row_end; ++r) plain_rows<L, 1>(m, {r, nullptr, 0}, t, end);
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

template <typename X, size_t kStep>
void pack_plain(const float* x, size_t n_tokens, size_t k, void* out, size_t begin, size_t end) {
  const size_t width = padded(k);
  for (size_t token = begin; token < end; ++token) {
    const size_t first = token / kPlainTile * kPlainTile;
    const size_t nt = n_tokens - first < kPlainTile ? n_tokens - first : kPlainTile;
    const float* from = x + token * k;
    X* to = static_cast<X*>(out) + first * width + (token - first) * kStep;
    const size_t whole = k - k % kStep;
    for (size_t i = 0; i < whole; i += kStep, to += nt * kStep) {
      for (size_t j = 0; j < kStep; ++j) to[j] = converted<X>(from[i + j]);
    }
    if (whole == k) continue;
    for (size_t j = 0; j < kStep; ++j) to[j] = whole + j < k ? converted<X>(from[whole + j]) : X{};
  }
}

}  // namespace
}  // namespace heng::HENG_ISA
