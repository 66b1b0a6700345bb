// The operations of vec.h on AVX-512: one zmm register. Levels avx512, avx512_vnni and avx512_bf16
// differ in dot4 alone.
#pragma once

#include "kernels/vec_base.h"

namespace heng::HENG_ISA {
namespace {

using Vf = __m512;
using Vi = __m512i;  // 16 x i32, or 64 bytes

struct VfPair {
  Vf even, odd;
};

HENG_INLINE Vf zero_f() {
  return _mm512_setzero_ps();
}
HENG_INLINE Vf set1(float x) {
  return _mm512_set1_ps(x);
}
HENG_INLINE Vf load(const float* p) {
  return _mm512_loadu_ps(p);
}
HENG_INLINE void store(float* p, Vf v) {
  _mm512_storeu_ps(p, v);
}
HENG_INLINE __mmask16 first_lanes(size_t n) {
  return static_cast<__mmask16>((1u << n) - 1);
}
HENG_INLINE Vf load_first(const float* p, size_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
HENG_INLINE void store_first(float* p, Vf v, size_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), v);
}
HENG_INLINE Vf add(Vf a, Vf b) {
  return _mm512_add_ps(a, b);
}
HENG_INLINE Vf sub(Vf a, Vf b) {
  return _mm512_sub_ps(a, b);
}
HENG_INLINE Vf mul(Vf a, Vf b) {
  return _mm512_mul_ps(a, b);
}
HENG_INLINE Vf div(Vf a, Vf b) {
  return _mm512_div_ps(a, b);
}
HENG_INLINE Vf max(Vf a, Vf b) {
  return _mm512_max_ps(a, b);
}
HENG_INLINE Vf min(Vf a, Vf b) {
  return _mm512_min_ps(a, b);
}
HENG_INLINE Vf fma(Vf a, Vf b, Vf c) {
  return _mm512_fmadd_ps(a, b, c);
}
HENG_INLINE Vf fnma(Vf a, Vf b, Vf c) {
  return _mm512_fnmadd_ps(a, b, c);
}
HENG_INLINE Vf abs(Vf a) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff)));
}
HENG_INLINE Vi round_to_int(Vf a) {
  return _mm512_cvtps_epi32(a);
}
HENG_INLINE Vf to_float(Vi a) {
  return _mm512_cvtepi32_ps(a);
}
HENG_INLINE Vi set1_i(int32_t x) {
  return _mm512_set1_epi32(x);
}
HENG_INLINE Vi add_i(Vi a, Vi b) {
  return _mm512_add_epi32(a, b);
}
HENG_INLINE Vi sub_i(Vi a, Vi b) {
  return _mm512_sub_epi32(a, b);
}
HENG_INLINE Vi times_128(Vi a) {
  return _mm512_slli_epi32(a, 7);
}
HENG_INLINE Vi over_128(Vi a) {
  return _mm512_srai_epi32(a, 7);
}  // rounds down
HENG_INLINE Vi load_i(const void* p) {
  return _mm512_loadu_si512(p);
}
// 2^n as fp32, n in [-126, 127].
HENG_INLINE Vf power_of_two(Vi n) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
}
// `a` where x >= y, else 0.
HENG_INLINE Vf keep_where_ge(Vf a, Vf x, Vf y) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, y, _CMP_GE_OQ), a);
}
HENG_INLINE Vf load_f16(const void* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
// Of pairs of bf16: the first, and the second.
HENG_INLINE Vf low_bf16(Vf pairs) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
}
HENG_INLINE Vf high_bf16(Vf pairs) {
  const Vi high = _mm512_set1_epi32(static_cast<int32_t>(0xffff0000));
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), high));
}
// 16 bytes as numbers 0..255.
HENG_INLINE Vf load_i8(const uint8_t* p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
HENG_INLINE Vf load_u8(const uint8_t* p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
// The first n (< 16) of a row whose end may be the end of a mapped file.
HENG_INLINE Vf load_first_f16(const void* p, size_t n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
// To fp16, nearest even.
HENG_INLINE void store_f16(uint16_t* p, Vf v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
HENG_INLINE void store_i8(int8_t* p, Vi v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
}
// Lane i + lane i+8, then i+4, i+2, i+1: the one order in which lanes are folded.
HENG_INLINE __m256 fold_half(Vf v) {
  return _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}
// Lane i of v[j] is lane j of row(i): within 128 bits first, then across them.
template <typename Row>
HENG_INLINE void transpose(const Row& row, Vf (&v)[16]) {
  Vf u[16];
  for (int i = 0; i < 16; ++i) v[i] = row(i);
  for (int q = 0; q < 16; q += 4) {
    const __m512d low0 = _mm512_castps_pd(_mm512_unpacklo_ps(v[q], v[q + 1]));
    const __m512d low1 = _mm512_castps_pd(_mm512_unpacklo_ps(v[q + 2], v[q + 3]));
    const __m512d high0 = _mm512_castps_pd(_mm512_unpackhi_ps(v[q], v[q + 1]));
    const __m512d high1 = _mm512_castps_pd(_mm512_unpackhi_ps(v[q + 2], v[q + 3]));
    u[q] = _mm512_castpd_ps(_mm512_unpacklo_pd(low0, low1));
    u[q + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low0, low1));
    u[q + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high0, high1));
    u[q + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high0, high1));
  }
  for (int j = 0; j < 4; ++j) {
    const Vf even0 = _mm512_shuffle_f32x4(u[j], u[4 + j], 0x88);
    const Vf odd0 = _mm512_shuffle_f32x4(u[j], u[4 + j], 0xdd);
    const Vf even1 = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0x88);
    const Vf odd1 = _mm512_shuffle_f32x4(u[8 + j], u[12 + j], 0xdd);
    v[j] = _mm512_shuffle_f32x4(even0, even1, 0x88);
    v[4 + j] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
    v[8 + j] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
    v[12 + j] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
  }
}
HENG_INLINE float max_lane(Vf v) {
  return _mm512_reduce_max_ps(v);
}
HENG_INLINE int32_t sum_lanes(Vi v) {
  return _mm512_reduce_add_epi32(v);
}

// 64 bytes of packed weights, unsigned.
HENG_INLINE Vi low_nibbles(Vi v) {
  return _mm512_and_si512(v, _mm512_set1_epi8(15));
}
HENG_INLINE Vi high_nibbles(Vi v) {
  return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
}

#if defined(__AVX512VNNI__)
// Lane i of acc plus the products of its four bytes of w (unsigned) and x (signed).
HENG_INLINE Vi dot4(Vi acc, Vi w, Vi x) {
  return _mm512_dpbusd_epi32(acc, w, x);
}
HENG_INLINE Vi dot4_full(Vi acc, Vi w, Vi x) {
  return _mm512_dpbusd_epi32(acc, w, x);
}
#else
// w at most 127: two products fit in 16 bits.
HENG_INLINE Vi dot4(Vi acc, Vi w, Vi x) {
  return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(w, x), _mm512_set1_epi16(1)));
}
// w up to 255: by nibbles, w = 16 high + low.
HENG_INLINE Vi dot4_full(Vi acc, Vi w, Vi x) {
  const Vi low = _mm512_madd_epi16(_mm512_maddubs_epi16(low_nibbles(w), x), _mm512_set1_epi16(1));
  const Vi high =
      _mm512_madd_epi16(_mm512_maddubs_epi16(high_nibbles(w), x), _mm512_set1_epi16(16));
  return _mm512_add_epi32(acc, _mm512_add_epi32(low, high));
}
#endif

}  // namespace
}  // namespace heng::HENG_ISA
