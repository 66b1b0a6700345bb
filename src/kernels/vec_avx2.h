// The operations of vec.h on AVX2 with FMA and F16C: two ymm registers.
#pragma once

#include "kernels/vec_base.h"

namespace heng::HENG_ISA {
namespace {

struct Vf {
  __m256 a, b;
};
struct Vi {
  __m256i a, b;
};

struct VfPair {
  Vf even, odd;
};

HENG_INLINE Vf zero_f() {
  return {_mm256_setzero_ps(), _mm256_setzero_ps()};
}
HENG_INLINE Vf set1(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
HENG_INLINE Vf load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
HENG_INLINE void store(float* p, Vf v) {
  _mm256_storeu_ps(p, v.a);
  _mm256_storeu_ps(p + 8, v.b);
}
HENG_INLINE Vf load_first(const float* p, size_t n) {
  alignas(32) float t[16] = {};
  for (size_t i = 0; i < n; ++i) t[i] = p[i];
  return load(t);
}
HENG_INLINE void store_first(float* p, Vf v, size_t n) {
  alignas(32) float t[16];
  store(t, v);
  for (size_t i = 0; i < n; ++i) p[i] = t[i];
}
HENG_INLINE Vf add(Vf x, Vf y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
HENG_INLINE Vf sub(Vf x, Vf y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
HENG_INLINE Vf mul(Vf x, Vf y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
HENG_INLINE Vf div(Vf x, Vf y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
HENG_INLINE Vf max(Vf x, Vf y) {
  return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
HENG_INLINE Vf min(Vf x, Vf y) {
  return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}
HENG_INLINE Vf fma(Vf x, Vf y, Vf z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
HENG_INLINE Vf fnma(Vf x, Vf y, Vf z) {
  return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
HENG_INLINE Vf abs(Vf x) {
  const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  return {_mm256_and_ps(x.a, mask), _mm256_and_ps(x.b, mask)};
}
HENG_INLINE Vi round_to_int(Vf x) {
  return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)};
}
HENG_INLINE Vf to_float(Vi x) {
  return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
HENG_INLINE Vi set1_i(int32_t x) {
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
HENG_INLINE Vi add_i(Vi x, Vi y) {
  return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}
HENG_INLINE Vi sub_i(Vi x, Vi y) {
  return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)};
}
HENG_INLINE Vi times_128(Vi x) {
  return {_mm256_slli_epi32(x.a, 7), _mm256_slli_epi32(x.b, 7)};
}
HENG_INLINE Vi over_128(Vi x) {
  return {_mm256_srai_epi32(x.a, 7), _mm256_srai_epi32(x.b, 7)};
}
HENG_INLINE Vi load_i(const void* p) {
  const auto* q = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)};
}
HENG_INLINE __m256 power_of_two_8(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
HENG_INLINE Vf power_of_two(Vi n) {
  return {power_of_two_8(n.a), power_of_two_8(n.b)};
}
HENG_INLINE Vf keep_where_ge(Vf v, Vf x, Vf y) {
  return {_mm256_and_ps(v.a, _mm256_cmp_ps(x.a, y.a, _CMP_GE_OQ)),
          _mm256_and_ps(v.b, _mm256_cmp_ps(x.b, y.b, _CMP_GE_OQ))};
}
HENG_INLINE Vf load_f16(const void* p) {
  const auto* q = static_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
}
HENG_INLINE Vf load_i8(const uint8_t* p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(x)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(x, 8)))};
}
HENG_INLINE Vf load_u8(const uint8_t* p) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(x)),
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(x, 8)))};
}
HENG_INLINE void copy_first(uint16_t* t, const void* p, size_t n) {
  __builtin_memcpy(t, p, 2 * n);
}
// Of pairs of bf16: the first, and the second.
HENG_INLINE __m256 low_bf16_8(__m256 pairs) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16));
}
HENG_INLINE __m256 high_bf16_8(__m256 pairs) {
  const __m256i high = _mm256_set1_epi32(static_cast<int32_t>(0xffff0000));
  return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(pairs), high));
}
HENG_INLINE Vf low_bf16(Vf pairs) {
  return {low_bf16_8(pairs.a), low_bf16_8(pairs.b)};
}
HENG_INLINE Vf high_bf16(Vf pairs) {
  return {high_bf16_8(pairs.a), high_bf16_8(pairs.b)};
}
HENG_INLINE Vf load_first_f16(const void* p, size_t n) {
  alignas(32) uint16_t t[16] = {};
  copy_first(t, p, n);
  return load_f16(t);
}
HENG_INLINE void store_f16(uint16_t* p, Vf v) {
  auto* q = reinterpret_cast<__m128i*>(p);
  _mm_storeu_si128(q, _mm256_cvtps_ph(v.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  _mm_storeu_si128(q + 1, _mm256_cvtps_ph(v.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
HENG_INLINE void store_i8(int8_t* p, Vi v) {
  alignas(32) int32_t t[16];
  _mm256_store_si256(reinterpret_cast<__m256i*>(t), v.a);
  _mm256_store_si256(reinterpret_cast<__m256i*>(t + 8), v.b);
  for (size_t i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(t[i]);
}
HENG_INLINE __m256 fold_half(Vf v) {
  return _mm256_add_ps(v.a, v.b);
}
// The columns of a square of 8 x 8 whose row i is in(i): column j goes to out(j, column).
template <typename In, typename Out>
HENG_INLINE void transpose_8(const In& in, const Out& out) {
  __m256 u[8];
  for (int q = 0; q < 8; q += 4) {
    const __m256d low0 = _mm256_castps_pd(_mm256_unpacklo_ps(in(q), in(q + 1)));
    const __m256d low1 = _mm256_castps_pd(_mm256_unpacklo_ps(in(q + 2), in(q + 3)));
    const __m256d high0 = _mm256_castps_pd(_mm256_unpackhi_ps(in(q), in(q + 1)));
    const __m256d high1 = _mm256_castps_pd(_mm256_unpackhi_ps(in(q + 2), in(q + 3)));
    u[q] = _mm256_castpd_ps(_mm256_unpacklo_pd(low0, low1));
    u[q + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low0, low1));
    u[q + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high0, high1));
    u[q + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high0, high1));
  }
  for (int j = 0; j < 4; ++j) {
    out(j, _mm256_permute2f128_ps(u[j], u[4 + j], 0x20));
    out(4 + j, _mm256_permute2f128_ps(u[j], u[4 + j], 0x31));
  }
}
// Lane i of v[j] is lane j of row(i), in quarters that fit in registers.
template <typename Row>
HENG_INLINE void transpose(const Row& row, Vf (&v)[16]) {
  transpose_8([&](int i) { return row(i).a; }, [&](int j, __m256 x) { v[j].a = x; });
  transpose_8([&](int i) { return row(8 + i).a; }, [&](int j, __m256 x) { v[j].b = x; });
  transpose_8([&](int i) { return row(i).b; }, [&](int j, __m256 x) { v[8 + j].a = x; });
  transpose_8([&](int i) { return row(8 + i).b; }, [&](int j, __m256 x) { v[8 + j].b = x; });
}
HENG_INLINE float max_lane(Vf v) {
  alignas(32) float t[8];
  _mm256_store_ps(t, _mm256_max_ps(v.a, v.b));
  float m = t[0];
  for (size_t i = 1; i < 8; ++i) m = t[i] > m ? t[i] : m;
  return m;
}
HENG_INLINE int32_t sum_lanes(Vi v) {
  alignas(32) int32_t t[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(t), _mm256_add_epi32(v.a, v.b));
  int32_t s = 0;
  for (size_t i = 0; i < 8; ++i) s += t[i];
  return s;
}
HENG_INLINE __m256i low_32(__m256i v) {
  return _mm256_and_si256(v, _mm256_set1_epi8(15));
}
HENG_INLINE __m256i high_32(__m256i v) {
  return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
}
HENG_INLINE Vi low_nibbles(Vi v) {
  return {low_32(v.a), low_32(v.b)};
}
HENG_INLINE Vi high_nibbles(Vi v) {
  return {high_32(v.a), high_32(v.b)};
}
HENG_INLINE __m256i dot4_32(__m256i w, __m256i x, int16_t factor) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(factor));
}
HENG_INLINE Vi dot4(Vi acc, Vi w, Vi x) {
  return {_mm256_add_epi32(acc.a, dot4_32(w.a, x.a, 1)),
          _mm256_add_epi32(acc.b, dot4_32(w.b, x.b, 1))};
}
HENG_INLINE Vi dot4_full(Vi acc, Vi w, Vi x) {
  const Vi high = high_nibbles(w);
  acc = dot4(acc, low_nibbles(w), x);
  return {_mm256_add_epi32(acc.a, dot4_32(high.a, x.a, 16)),
          _mm256_add_epi32(acc.b, dot4_32(high.b, x.b, 16))};
}

}  // namespace
}  // namespace heng::HENG_ISA
