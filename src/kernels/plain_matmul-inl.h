// Products with row-major f32, f16 and bf16 weights, read in place. Lanes run along k; a tile of
// rows x tokens shares its loads; each output element owns one accumulator of 16 lanes, summed over
// k in order and folded in the tree of sum_lanes. So tile shape, tails and thread split never
// change a bit.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace heng::HENG_ISA {
namespace {

using kernels::Output;
using kernels::PlainMatmul;
using kernels::Store;

// Tokens of activations that are walked again for each row tile: kept within half of a 1 MB L2
// cache.
constexpr size_t kPlainBlockBytes = 512 * 1024;

struct LoadF32 {
  using X = float;
  static constexpr size_t kBytes = 4, kStep = kLanes;
  static HENG_INLINE Vf weight(const char* p) { return load(reinterpret_cast<const float*>(p)); }
  static HENG_INLINE Vf weight_first(const char* p, size_t n) {
    return load_first(reinterpret_cast<const float*>(p), n);
  }
  static HENG_INLINE Vf x(const X* p) { return load(p); }
  static HENG_INLINE Vf x_first(const X* p, size_t n) { return load_first(p, n); }
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
  static HENG_INLINE __m512i x_first(const X* p, size_t n) {
    return _mm512_maskz_loadu_epi16((1u << n) - 1, p);
  }
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

// Rows [row, row + R) x tokens [token, token + T).
template <typename L, size_t R, size_t T>
void plain_tile(const PlainMatmul& m, size_t row, size_t token) {
  const char* w = static_cast<const char*>(m.weight) + row * m.k * L::kBytes;
  const auto* x = static_cast<const typename L::X*>(m.x) + token * m.k;
  Vf acc[R][T];
  for (auto& of_row : acc) {
    for (Vf& a : of_row) a = zero_f();
  }
  const size_t whole = m.k - m.k % L::kStep;
  for (size_t k = 0; k < whole; k += L::kStep) {
    decltype(L::x(x)) xs[T];
    for (size_t t = 0; t < T; ++t) xs[t] = L::x(x + t * m.k + k);
    for (size_t r = 0; r < R; ++r) {
      const auto wr = L::weight(w + (r * m.k + k) * L::kBytes);
      for (size_t t = 0; t < T; ++t) acc[r][t] = L::product(acc[r][t], wr, xs[t]);
    }
  }
  if (const size_t left = m.k - whole; left > 0) {
    for (size_t r = 0; r < R; ++r) {
      const auto wr = L::weight_first(w + (r * m.k + whole) * L::kBytes, left);
      for (size_t t = 0; t < T; ++t) {
        acc[r][t] = L::product(acc[r][t], wr, L::x_first(x + t * m.k + whole, left));
      }
    }
  }
  for (size_t r = 0; r < R; ++r) {
    for (size_t t = 0; t < T; ++t) put(m.out, token + t, row + r, sum_lanes(acc[r][t]));
  }
}

template <typename L, size_t R>
void plain_rows(const PlainMatmul& m, size_t row, size_t begin, size_t end) {
  size_t t = begin;
  for (; t + 6 <= end; t += 6) plain_tile<L, R, 6>(m, row, t);
  for (; t + 3 <= end; t += 3) plain_tile<L, R, 3>(m, row, t);
  for (; t < end; ++t) plain_tile<L, R, 1>(m, row, t);
}

template <typename L>
void matmul_plain(const PlainMatmul& m, size_t row_begin, size_t row_end) {
  size_t block = kPlainBlockBytes / (m.k * sizeof(typename L::X)) / 6 * 6;
  if (block < 6) block = 6;
  for (size_t t = 0; t < m.n_tokens; t += block) {
    const size_t end = t + block < m.n_tokens ? t + block : m.n_tokens;
    size_t r = row_begin;
    for (; r + 4 <= row_end; r += 4) plain_rows<L, 4>(m, r, t, end);
    for (; r < row_end; ++r) plain_rows<L, 1>(m, r, t, end);
  }
}

}  // namespace
}  // namespace heng::HENG_ISA
