#include "base/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace heng {
namespace {

constexpr uint32_t kAllHalves = 0x10000;

uint32_t bits_of(float value) {
  return std::bit_cast<uint32_t>(value);
}

// The definition, in double precision. `mantissa_bits` and `bias` describe the 16-bit type.
double value_of(uint32_t pattern, int mantissa_bits, int bias) {
  const double sign = pattern & 0x8000 ? -1.0 : 1.0;
  const int exponent = static_cast<int>((pattern & 0x7fff) >> mantissa_bits);
  const int mantissa = static_cast<int>(pattern & ((1u << mantissa_bits) - 1));
  const int top = (1 << (15 - mantissa_bits)) - 1;
  if (exponent == top) {
    return mantissa ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

double half_value(uint32_t pattern) {
  return value_of(pattern, 10, 15);
}
double bf16_value(uint32_t pattern) {
  return value_of(pattern, 7, 127);
}

// The pattern nearest to `value`, found by bisection over the finite patterns of its sign; of two
// equally near ones the even pattern. Past the largest, infinity stands where one more step would
// be.
uint16_t nearest(float value, double (*value_of_pattern)(uint32_t), uint32_t infinity) {
  const uint32_t sign = std::signbit(value) ? 0x8000u : 0u;
  const double magnitude = std::abs(static_cast<double>(value));
  if (std::isinf(value)) return static_cast<uint16_t>(sign | infinity);
  uint32_t low = 0, high = infinity;  // value(low) <= magnitude < value(high)
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (value_of_pattern(middle) <= magnitude ? low : high) = middle;
  }
  const double below = value_of_pattern(low);
  const double step = low ? below - value_of_pattern(low - 1) : value_of_pattern(1);
  const double above = high == infinity ? below + step : value_of_pattern(high);
  const bool up = magnitude - below > above - magnitude ||
                  (magnitude - below == above - magnitude && (low & 1));
  return static_cast<uint16_t>(sign | (up ? high : low));
}

// Floats around every pattern of the type: itself, halfway to the next, and their neighbours; then
// random bits.
std::vector<float> hard_floats(double (*value_of_pattern)(uint32_t), uint32_t infinity) {
  std::vector<float> floats;
  for (uint32_t pattern = 0; pattern < infinity; ++pattern) {
    const double here = value_of_pattern(pattern);
    const double next = pattern + 1 < infinity ? value_of_pattern(pattern + 1)
                                               : 2 * here - value_of_pattern(pattern - 1);
    for (const double at : {here, (here + next) / 2}) {
      const auto middle = static_cast<float>(at);
      floats.push_back(middle);
      floats.push_back(std::nextafter(middle, std::numeric_limits<float>::infinity()));
      floats.push_back(-std::nextafter(middle, 0.0f));
    }
  }
  std::mt19937 random(11);
  for (int i = 0; i < 300000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (!std::isnan(value)) floats.push_back(value);
  }
  for (const float value :
       {65519.99f, 65520.0f, 65536.0f, 0x1p-25f, 0x1.000002p-25f, 0x1p-149f,
        std::numeric_limits<float>::max(), -0.0f, std::numeric_limits<float>::infinity()}) {
    floats.push_back(value);
  }
  return floats;
}

TEST(Half, EveryPatternHasItsExactValue) {
  for (uint32_t pattern = 0; pattern < kAllHalves; ++pattern) {
    const float value = half_to_float(static_cast<uint16_t>(pattern));
    const double expected = half_value(pattern);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << pattern;
    } else {
      ASSERT_EQ(bits_of(value), bits_of(static_cast<float>(expected))) << pattern;
    }
  }
}

TEST(Half, EveryPatternComesBackAndNansBecomeQuiet) {
  for (uint32_t pattern = 0; pattern < kAllHalves; ++pattern) {
    const bool nan = (pattern & 0x7fff) > 0x7c00;
    const uint32_t expected = nan ? pattern | 0x0200 : pattern;
    ASSERT_EQ(float_to_half(half_to_float(static_cast<uint16_t>(pattern))), expected);
  }
}

TEST(Half, RoundsToNearestEven) {
  for (const float value : hard_floats(half_value, 0x7c00)) {
    ASSERT_EQ(float_to_half(value), nearest(value, half_value, 0x7c00)) << std::hexfloat << value;
  }
}

TEST(BFloat16, EveryPatternHasItsExactValue) {
  for (uint32_t pattern = 0; pattern < kAllHalves; ++pattern) {
    const float value = bf16_to_float(static_cast<uint16_t>(pattern));
    const double expected = bf16_value(pattern);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << pattern;
    } else {
      ASSERT_EQ(bits_of(value), bits_of(static_cast<float>(expected))) << pattern;
    }
  }
}

TEST(BFloat16, EveryPatternComesBackAndNansBecomeQuiet) {
  for (uint32_t pattern = 0; pattern < kAllHalves; ++pattern) {
    const bool nan = (pattern & 0x7fff) > 0x7f80;
    const uint32_t expected = nan ? pattern | 0x0040 : pattern;
    ASSERT_EQ(float_to_bf16(bf16_to_float(static_cast<uint16_t>(pattern))), expected);
  }
}

TEST(BFloat16, RoundsToNearestEven) {
  for (const float value : hard_floats(bf16_value, 0x7f80)) {
    ASSERT_EQ(float_to_bf16(value), nearest(value, bf16_value, 0x7f80)) << std::hexfloat << value;
  }
}

TEST(BFloat16, NansWhosePayloadIsCutOffStayNans) {
  for (const uint32_t bits : {0x7f800001u, 0xff800001u, 0x7fffffffu, 0xffffffffu}) {
    EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(std::bit_cast<float>(bits))))) << bits;
  }
}

#if defined(__x86_64__)

__attribute__((target("f16c"))) float processor_half_to_float(uint16_t half) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}

__attribute__((target("f16c"))) uint16_t processor_float_to_half(uint32_t bits) {
  const __m128 value = _mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(bits)));
  return static_cast<uint16_t>(
      _mm_cvtsi128_si32(_mm_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)));
}

TEST(Half, AgreesWithTheProcessorInEveryBitNansIncluded) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this processor has no F16C";
  for (uint32_t pattern = 0; pattern < kAllHalves; ++pattern) {
    const auto half = static_cast<uint16_t>(pattern);
    ASSERT_EQ(bits_of(half_to_float(half)), bits_of(processor_half_to_float(half))) << pattern;
  }
  // 257 is odd and passes every exponent and about 65,000 mantissas of each.
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 257) {
    const auto pattern = static_cast<uint32_t>(bits);
    ASSERT_EQ(float_to_half(std::bit_cast<float>(pattern)), processor_float_to_half(pattern))
        << std::hex << pattern;
  }
}

#endif

}  // namespace
}  // namespace heng
