// The operations of vec.h as arrays of 16: what any processor runs, and what they mean.
#pragma once

#include "kernels/vec_base.h"

namespace heng::HENG_ISA {
namespace {

struct Vf {
  float v[16];
};
struct Vi {
  int32_t v[16];
};

template <typename F>
HENG_INLINE Vf map(F f) {
  Vf r;
  for (size_t i = 0; i < kLanes; ++i) r.v[i] = f(i);
  return r;
}
template <typename F>
HENG_INLINE Vi map_i(F f) {
  Vi r;
  for (size_t i = 0; i < kLanes; ++i) r.v[i] = f(i);
  return r;
}
HENG_INLINE float from_bits(uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}
HENG_INLINE uint16_t half_at(const void* p, size_t i) {
  uint16_t h;
  __builtin_memcpy(&h, static_cast<const char*>(p) + 2 * i, 2);
  return h;
}

struct VfPair {
  Vf even, odd;
};

HENG_INLINE Vf zero_f() {
  return {};
}
HENG_INLINE Vf set1(float x) {
  return map([=](size_t) { return x; });
}
HENG_INLINE Vf load_first(const float* p, size_t n) {
  Vf r{};
  __builtin_memcpy(r.v, p, 4 * n);
  return r;
}
HENG_INLINE Vf load(const float* p) {
  return load_first(p, kLanes);
}
HENG_INLINE void store_first(float* p, Vf v, size_t n) {
  __builtin_memcpy(p, v.v, 4 * n);
}
HENG_INLINE void store(float* p, Vf v) {
  store_first(p, v, kLanes);
}
#define HENG_LANES(name, expression)                  \
  HENG_INLINE Vf name(Vf a, Vf b) {                   \
    return map([&](size_t i) { return expression; }); \
  }
HENG_LANES(add, a.v[i] + b.v[i])
HENG_LANES(sub, a.v[i] - b.v[i])
HENG_LANES(mul, a.v[i] * b.v[i])
HENG_LANES(div, a.v[i] / b.v[i])
HENG_LANES(max, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
HENG_LANES(min, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
#undef HENG_LANES
HENG_INLINE Vf fma(Vf a, Vf b, Vf c) {
  return map([&](size_t i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
}
HENG_INLINE Vf fnma(Vf a, Vf b, Vf c) {
  return map([&](size_t i) { return __builtin_fmaf(-a.v[i], b.v[i], c.v[i]); });
}
HENG_INLINE Vf abs(Vf a) {
  return map([&](size_t i) { return __builtin_fabsf(a.v[i]); });
}
HENG_INLINE Vi round_to_int(Vf a) {
  return map_i([&](size_t i) { return static_cast<int32_t>(__builtin_rintf(a.v[i])); });
}
HENG_INLINE Vf to_float(Vi a) {
  return map([&](size_t i) { return static_cast<float>(a.v[i]); });
}
HENG_INLINE Vi set1_i(int32_t x) {
  return map_i([=](size_t) { return x; });
}
HENG_INLINE Vi add_i(Vi a, Vi b) {
  return map_i([&](size_t i) { return a.v[i] + b.v[i]; });
}
HENG_INLINE Vi sub_i(Vi a, Vi b) {
  return map_i([&](size_t i) { return a.v[i] - b.v[i]; });
}
HENG_INLINE Vi times_128(Vi a) {
  return map_i([&](size_t i) { return a.v[i] * 128; });
}
HENG_INLINE Vi over_128(Vi a) {
  return map_i([&](size_t i) { return a.v[i] >> 7; });
}
HENG_INLINE Vi load_i(const void* p) {
  Vi r;
  __builtin_memcpy(r.v, p, sizeof(r.v));
  return r;
}
HENG_INLINE Vf power_of_two(Vi n) {
  return map([&](size_t i) { return from_bits(static_cast<uint32_t>(n.v[i] + 127) << 23); });
}
HENG_INLINE Vf keep_where_ge(Vf a, Vf x, Vf y) {
  return map([&](size_t i) { return x.v[i] >= y.v[i] ? a.v[i] : 0.0f; });
}
// Of pairs of bf16: the first, and the second.
HENG_INLINE Vf low_bf16(Vf pairs) {
  return map([&](size_t i) { return from_bits(__builtin_bit_cast(uint32_t, pairs.v[i]) << 16); });
}
HENG_INLINE Vf high_bf16(Vf pairs) {
  return map(
      [&](size_t i) { return from_bits(__builtin_bit_cast(uint32_t, pairs.v[i]) & 0xffff0000u); });
}
HENG_INLINE Vf load_first_f16(const void* p, size_t n) {
  return map([&](size_t i) { return i < n ? half_to_float(half_at(p, i)) : 0.0f; });
}
HENG_INLINE Vf load_f16(const void* p) {
  return load_first_f16(p, kLanes);
}
HENG_INLINE Vf load_i8(const uint8_t* p) {
  return map([&](size_t i) { return static_cast<float>(static_cast<int8_t>(p[i])); });
}
HENG_INLINE Vf load_u8(const uint8_t* p) {
  return map([&](size_t i) { return static_cast<float>(p[i]); });
}
HENG_INLINE void store_f16(uint16_t* p, Vf v) {
  for (size_t i = 0; i < kLanes; ++i) p[i] = float_to_half(v.v[i]);
}
HENG_INLINE void store_i8(int8_t* p, Vi v) {
  for (size_t i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(v.v[i]);
}
// Lane i of v[j] is lane j of row(i).
template <typename Row>
HENG_INLINE void transpose(const Row& row, Vf (&v)[16]) {
  for (size_t i = 0; i < kLanes; ++i) {
    const Vf from = row(i);
    for (size_t j = 0; j < kLanes; ++j) v[j].v[i] = from.v[j];
  }
}
HENG_INLINE float max_lane(Vf v) {
  float m = v.v[0];
  for (size_t i = 1; i < kLanes; ++i) m = v.v[i] > m ? v.v[i] : m;
  return m;
}
HENG_INLINE int32_t sum_lanes(Vi v) {
  int32_t s = 0;
  for (size_t i = 0; i < kLanes; ++i) s += v.v[i];
  return s;
}
HENG_INLINE uint8_t byte_of(const Vi& v, size_t i) {
  return reinterpret_cast<const uint8_t*>(v.v)[i];
}
HENG_INLINE Vi low_nibbles(Vi v) {
  return map_i([&](size_t i) { return v.v[i] & 0x0f0f0f0f; });
}
HENG_INLINE Vi high_nibbles(Vi v) {
  return map_i([&](size_t i) { return v.v[i] >> 4 & 0x0f0f0f0f; });
}
HENG_INLINE Vi dot4_full(Vi acc, Vi w, Vi x) {
  return map_i([&](size_t i) {
    int32_t sum = acc.v[i];
    for (size_t j = 4 * i; j < 4 * i + 4; ++j) {
      sum += static_cast<int32_t>(byte_of(w, j)) * static_cast<int8_t>(byte_of(x, j));
    }
    return sum;
  });
}
HENG_INLINE Vi dot4(Vi acc, Vi w, Vi x) {
  return dot4_full(acc, w, x);
}

}  // namespace
}  // namespace heng::HENG_ISA
