// Row-wise operations: norm, gated activation, conversion, checks; and the loops that measure the
// machine's limits.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vec.h"

namespace heng::HENG_ISA {
namespace {

// y = x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich, 2019), as upstream: normalised in
// fp32, then times the weight.
void rms_norm(const kernels::RowNorm& a) {
  for (size_t row = 0; row < a.n; ++row) {
    const float* x = a.x + row * a.dim;
    float* out = a.out + row * a.dim;
    const size_t whole = a.dim - a.dim % kLanes, left = a.dim - whole;
    Vf squares = zero_f();
    for (size_t i = 0; i < whole; i += kLanes) {
      const Vf v = load(x + i);
      squares = fma(v, v, squares);
    }
    const Vf tail = left ? load_first(x + whole, left) : zero_f();
    squares = fma(tail, tail, squares);
    const float mean = sum_lanes(squares) / static_cast<float>(a.dim);
    const Vf inverse = set1(1.0f / __builtin_sqrtf(mean + a.eps));
    for (size_t i = 0; i < whole; i += kLanes) {
      store(out + i, mul(mul(load(x + i), inverse), load(a.weight + i)));
    }
    if (left) {
      store_first(out + whole, mul(mul(tail, inverse), load_first(a.weight + whole, left)), left);
    }
  }
}

HENG_INLINE Vf silu_times(Vf gate, Vf up) {
  return mul(div(gate, add(set1(1.0f), exp(sub(zero_f(), gate)))), up);
}

void swiglu(float* gate, const float* up, size_t n) {
  const size_t whole = n - n % kLanes, left = n - whole;
  for (size_t i = 0; i < whole; i += kLanes)
    store(gate + i, silu_times(load(gate + i), load(up + i)));
  if (left) {
    const Vf v = silu_times(load_first(gate + whole, left), load_first(up + whole, left));
    store_first(gate + whole, v, left);
  }
}

template <typename Bits>
bool all_finite(const void* data, size_t n, Bits exponent) {
  const char* p = static_cast<const char*>(data);
  unsigned bad = 0;
  for (size_t i = 0; i < n; ++i) {
    Bits x;
    __builtin_memcpy(&x, p + i * sizeof(Bits), sizeof(Bits));
    bad |= (x & exponent) == exponent;
  }
  return bad == 0;
}
bool all_finite_f32(const void* data, size_t n) {
  return all_finite<uint32_t>(data, n, 0x7f800000);
}
bool all_finite_f16(const void* data, size_t n) {
  return all_finite<uint16_t>(data, n, 0x7c00);
}
bool all_finite_bf16(const void* data, size_t n) {
  return all_finite<uint16_t>(data, n, 0x7f80);
}

// What a chain of 12 independent accumulators reaches: the latency of a product times the width.
constexpr size_t kChains = 12;

double peak_f32(size_t iterations) {
  Vf acc[kChains];
  for (Vf& a : acc) a = zero_f();
  const Vf x = set1(1.0f + static_cast<float>(iterations & 1));
  for (size_t i = 0; i < iterations; ++i) {
    for (Vf& a : acc) a = fma(x, x, a);
  }
  volatile float sink = 0;
  for (const Vf& a : acc) sink = sink + sum_lanes(a);
  return 2.0 * kLanes * kChains * static_cast<double>(iterations);
}

double peak_int8(size_t iterations) {
  Vi acc[kChains];
  for (Vi& a : acc) a = set1_i(0);
  const Vi x = set1_i(0x01010101 + static_cast<int32_t>(iterations & 1));
  for (size_t i = 0; i < iterations; ++i) {
    for (Vi& a : acc) a = dot4(a, x, x);
  }
  volatile int32_t sink = 0;
  for (const Vi& a : acc) sink = sink + (sum_lanes(a) & 1);
  return 8.0 * kLanes * kChains * static_cast<double>(iterations);
}

#if defined(__AVX512BF16__)
double peak_bf16(size_t iterations) {
  Vf acc[kChains];
  for (Vf& a : acc) a = zero_f();
  const auto x = (__m512bh)set1_i(0x3f803f80 + static_cast<int32_t>(iterations & 1));
  for (size_t i = 0; i < iterations; ++i) {
    for (Vf& a : acc) a = _mm512_dpbf16_ps(a, x, x);
  }
  volatile float sink = 0;
  for (const Vf& a : acc) sink = sink + sum_lanes(a);
  return 4.0 * kLanes * kChains * static_cast<double>(iterations);
}
#endif

uint64_t read_all(const void* data, size_t bytes) {
  const char* p = static_cast<const char*>(data);
  Vi a = set1_i(0), b = set1_i(0);
  for (size_t i = 0; i < bytes; i += 128) {
    __builtin_prefetch(p + i + 4096);
    __builtin_prefetch(p + i + 4160);
    a = add_i(a, load_i(p + i));
    b = add_i(b, load_i(p + i + 64));
  }
  return static_cast<uint32_t>(sum_lanes(add_i(a, b)));
}

}  // namespace
}  // namespace heng::HENG_ISA
