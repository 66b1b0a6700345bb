// Attention and row-wise operations of every level against double arithmetic.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/half.h"
#include "kernels/select.h"
#include "support/random.h"

namespace heng::kernels {
namespace {

using test::normal_floats;

class AttentionOnEachLevel : public ::testing::TestWithParam<const KernelTable*> {};

INSTANTIATE_TEST_SUITE_P(Level, AttentionOnEachLevel, ::testing::ValuesIn(supported_levels()),
                         [](const auto& info) { return std::string(info.param->level); });

// A cache of `n` positions of one head, filled through write_kv.
struct Cache {
  size_t d;
  std::vector<float> keys, values;  // [n, d], as given
  std::vector<std::vector<std::byte>> blocks;
  std::vector<const void*> pointers;

  Cache(const KernelTable& table, KvType type, size_t n, size_t head_dim, uint32_t seed)
      : d(head_dim), keys(normal_floats(n * d, seed)), values(normal_floats(n * d, seed + 1)) {
    const size_t bytes = type == KvType::kF32  ? 8 * d * kKvBlock
                         : type == KvType::kI8 ? 2 * d * kKvBlock + 8 * kKvBlock
                                               : 4 * d * kKvBlock;
    for (size_t pos = 0; pos < n; ++pos) {
      // Unwritten slots hold NaN patterns: nothing may read them.
      if (pos % kKvBlock == 0) {
        blocks.emplace_back(bytes, std::byte{0xff});
      }
      table.write_kv[static_cast<size_t>(type)](&keys[pos * d], &values[pos * d],
                                                blocks.back().data(), pos % kKvBlock, d);
    }
    for (const auto& block : blocks) pointers.push_back(block.data());
  }
};

constexpr KvType kAllTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kI8};

// Element i of the vector [n] at `x` as the cache keeps it.
float rounded(KvType type, const float* vector, size_t i, size_t n) {
  const float x = vector[i];
  if (type == KvType::kI8) {
    float largest = 0;
    for (size_t j = 0; j < n; ++j) largest = std::max(largest, std::abs(vector[j]));
    return std::nearbyint(x * (127 / largest)) * (largest / 127);
  }
  if (type == KvType::kF16) return half_to_float(float_to_half(x));
  if (type == KvType::kBF16) return bf16_to_float(float_to_bf16(x));
  return x;
}

std::vector<double> exact_attention(const Cache& c, KvType type, const float* q, size_t visible) {
  std::vector<double> weight(visible), out(c.d);
  double largest = -INFINITY, total = 0;
  for (size_t pos = 0; pos < visible; ++pos) {
    for (size_t i = 0; i < c.d; ++i)
      weight[pos] += double{q[i]} * rounded(type, &c.keys[pos * c.d], i, c.d);
    largest = std::max(largest, weight[pos]);
  }
  for (double& w : weight) total += w = std::exp(w - largest);
  for (size_t pos = 0; pos < visible; ++pos) {
    for (size_t i = 0; i < c.d; ++i) {
      out[i] += weight[pos] / total * rounded(type, &c.values[pos * c.d], i, c.d);
    }
  }
  return out;
}

std::vector<float> run_attention(const KernelTable& table, KvType type, const Cache& c,
                                 const std::vector<float>& q, const std::vector<size_t>& visible) {
  std::vector<float> out(q.size(), NAN);
  std::vector<size_t> offset(visible.size());
  for (size_t i = 0; i < offset.size(); ++i) offset[i] = i * c.d;
  table.attention[static_cast<size_t>(type)]({q.data(), out.data(), offset.data(), offset.data(),
                                              visible.data(), visible.size(), c.d,
                                              c.pointers.data()});
  return out;
}

TEST_P(AttentionOnEachLevel, AttentionMatchesDoubleArithmetic) {
  for (const KvType type : kAllTypes) {
    for (const size_t d : {16, 64, 80, 128}) {
      const Cache cache(*GetParam(), type, 200, d, 3);
      const auto q = normal_floats(6 * d, 9, 0.3f);
      const std::vector<size_t> visible{1, 63, 64, 65, 130, 200};
      const auto out = run_attention(*GetParam(), type, cache, q, visible);
      for (size_t i = 0; i < visible.size(); ++i) {
        const auto exact = exact_attention(cache, type, &q[i * d], visible[i]);
        // bf16 products round the query and the weights to 8 bits.
        const bool pairs = type == KvType::kBF16 || type == KvType::kI8;
        const bool bf16 = pairs && GetParam()->bf16_activations;
        const double limit = bf16 ? 0.02 : 4e-6;
        for (size_t j = 0; j < d; ++j)
          ASSERT_NEAR(out[i * d + j], exact[j], limit) << d << " " << i;
      }
    }
  }
}

TEST_P(AttentionOnEachLevel, AQueryHasTheSameBitsAloneAndInATile) {
  for (const KvType type : kAllTypes) {
    const Cache cache(*GetParam(), type, 150, 64, 5);
    const std::vector<size_t> visible{1, 2, 60, 64, 65, 66, 67, 139, 140, 149};
    const auto q = normal_floats(visible.size() * 64, 7, 0.5f);
    const auto tile = run_attention(*GetParam(), type, cache, q, visible);
    for (size_t i = 0; i < visible.size(); ++i) {
      const std::vector<float> one(q.begin() + i * 64, q.begin() + (i + 1) * 64);
      const auto alone = run_attention(*GetParam(), type, cache, one, {visible[i]});
      ASSERT_EQ(0, std::memcmp(alone.data(), tile.data() + i * 64, 64 * sizeof(float))) << i;
    }
  }
}

TEST_P(AttentionOnEachLevel, AttentionHasTheBitsOfTheScalarLevel) {
  const KernelTable& scalar = level_by_name("scalar");
  for (const KvType type : kAllTypes) {
    const bool pairs = type == KvType::kBF16 || type == KvType::kI8;
    if (pairs && GetParam()->bf16_activations) continue;
    const Cache cache(scalar, type, 100, 32, 5);
    const auto q = normal_floats(3 * 32, 7, 0.5f);
    EXPECT_EQ(run_attention(*GetParam(), type, cache, q, {97, 98, 99}),
              run_attention(scalar, type, cache, q, {97, 98, 99}));
  }
}

TEST_P(AttentionOnEachLevel, NormMatchesDoubleArithmetic) {
  for (const size_t dim : {16, 33, 576}) {
    const auto x = normal_floats(3 * dim, 1), weight = normal_floats(dim, 2);
    std::vector<float> out(3 * dim);
    GetParam()->rms_norm({x.data(), weight.data(), out.data(), 3, dim, 1e-6f});
    for (size_t t = 0; t < 3; ++t) {
      double squares = 0;
      for (size_t i = 0; i < dim; ++i) squares += double{x[t * dim + i]} * x[t * dim + i];
      for (size_t i = 0; i < dim; ++i) {
        const double exact = x[t * dim + i] / std::sqrt(squares / dim + 1e-6) * weight[i];
        ASSERT_NEAR(out[t * dim + i], exact, 4e-7 * std::abs(exact));
      }
    }
  }
}

TEST_P(AttentionOnEachLevel, SwigluMatchesDoubleArithmeticOverTheWholeRange) {
  std::vector<float> gate, up;
  for (float g = -120; g <= 120; g += 0.37f) gate.push_back(g), up.push_back(1.5f);
  auto out = gate;
  GetParam()->swiglu(out.data(), up.data(), out.size());
  for (size_t i = 0; i < gate.size(); ++i) {
    const double exact = gate[i] / (1 + std::exp(-double{gate[i]})) * 1.5;
    ASSERT_NEAR(out[i], exact, 1e-6 * std::abs(exact) + 1e-30) << gate[i];
  }
}

TEST_P(AttentionOnEachLevel, FindsOneValueThatIsNotFinite) {
  std::vector<float> f32(1000, 1.0f);
  std::vector<uint16_t> f16(1000, 0x3c00), bf16(1000, 0x3f80);
  EXPECT_TRUE(GetParam()->all_finite_f32(f32.data(), 1000));
  EXPECT_TRUE(GetParam()->all_finite_f16(f16.data(), 1000));
  EXPECT_TRUE(GetParam()->all_finite_bf16(bf16.data(), 1000));
  f32[997] = NAN;
  f16[3] = 0x7c00;
  bf16[501] = 0xff80;
  EXPECT_FALSE(GetParam()->all_finite_f32(f32.data(), 1000));
  EXPECT_FALSE(GetParam()->all_finite_f16(f16.data(), 1000));
  EXPECT_FALSE(GetParam()->all_finite_bf16(bf16.data(), 1000));
}

}  // namespace
}  // namespace heng::kernels
