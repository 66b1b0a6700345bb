// 16 lanes of fp32 and int32 on every level: one zmm, two ymm, or an array. Included only by
// *.isa.cpp and *-inl.h, inside namespace heng::<level>. All operations round as IEEE fp32 and fma
// fuses everywhere, so that a kernel written with them gives the same bits on every level.
#pragma once

#include "kernels/vec_base.h"

#if defined(__AVX512F__)
#include "kernels/vec_avx512.h"
#elif defined(__AVX2__)
#include "kernels/vec_avx2.h"
#else
#include "kernels/vec_scalar.h"
#endif

namespace heng::HENG_ISA {
namespace {

// 32 bf16 in memory: those at even places, and those at odd ones.
HENG_INLINE VfPair load_bf16_pairs(const void* p) {
  const Vf pairs = load(static_cast<const float*>(p));
  return {low_bf16(pairs), high_bf16(pairs)};
}

// Sum of the lanes: i with i+8, then i+4, i+2, i+1.
HENG_INLINE float sum_lanes(Vf v) {
#if defined(__AVX2__)
  const __m256 v8 = fold_half(v);
  const __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
  const __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
  return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
#else
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) v.v[i] += v.v[i + half];
  }
  return v.v[0];
#endif
}

// e^x for x <= 88; exactly 0 below -87.3 (and for -inf). Relative error under 2e-7: Cody-Waite
// reduction by ln 2 and a degree-7 Taylor polynomial on [-0.35, 0.35], whose cut-off term is 5e-9.
HENG_INLINE Vf exp(Vf x) {
  const Vf lowest = set1(-87.3f);
  const Vf y = max(min(x, set1(88.0f)), lowest);
  const Vi n = round_to_int(mul(y, set1(1.44269504f)));
  const Vf nf = to_float(n);
  Vf r = fnma(nf, set1(0.693359375f), y);
  r = fnma(nf, set1(-2.12194440e-4f), r);
  Vf p = set1(1.0f / 5040);
  p = fma(p, r, set1(1.0f / 720));
  p = fma(p, r, set1(1.0f / 120));
  p = fma(p, r, set1(1.0f / 24));
  p = fma(p, r, set1(1.0f / 6));
  p = fma(p, r, set1(0.5f));
  p = fma(p, r, set1(1.0f));
  p = fma(p, r, set1(1.0f));
  return keep_where_ge(mul(p, power_of_two(n)), x, lowest);
}

}  // namespace
}  // namespace heng::HENG_ISA
