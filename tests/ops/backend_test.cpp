// The fast backend on every level and several thread counts against the reference backend.
#include "ops/backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "heng/error.h"
#include "kernels/select.h"
#include "support/random.h"
#include "support/weight_blocks.h"

namespace heng::ops {
namespace {

using test::normal_floats;

// A matrix with its memory.
struct TestMatrix : Matrix {
  Arena memory;
  std::byte* bytes;

  TestMatrix(DType dtype, size_t n_rows, size_t n_cols, uint32_t seed) {
    name = "test";
    rows = n_rows;
    cols = n_cols;
    format = formats::find_format(dtype);
    data = bytes = memory.take(rows * row_bytes(), "test weights");
    if (format->encode_row == nullptr) {
      const auto blocks = test::finite_blocks(*format, rows, cols, seed);
      std::copy(blocks.begin(), blocks.end(), bytes);
      return;
    }
    const auto values = normal_floats(rows * cols, seed, 1 / std::sqrt(static_cast<float>(cols)));
    format->encode_row(values.data(), bytes, values.size());
  }
};

struct Setting {
  const kernels::KernelTable* table;
  int threads;
  ActivationBits bits;
};

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const auto* table : kernels::supported_levels()) {
    for (const int threads : {1, 2, 3}) {
      for (const auto bits : {ActivationBits::k8, ActivationBits::k15}) {
        all.push_back({table, threads, bits});
      }
    }
  }
  return all;
}

class FastBackend : public ::testing::TestWithParam<Setting> {
 protected:
  std::unique_ptr<Backend> fast_ =
      make_cpu_backend(*GetParam().table, GetParam().threads, GetParam().bits);
  std::unique_ptr<Backend> reference_ = make_reference_backend();
};

INSTANTIATE_TEST_SUITE_P(Level, FastBackend, ::testing::ValuesIn(settings()), [](const auto& info) {
  return std::string(info.param.table->level) + "_" + std::to_string(info.param.threads) + "_x" +
         std::to_string(static_cast<int>(info.param.bits));
});

// What rounding the input costs: 15-bit integers keep 1/32512 of the largest input of each group,
// 8-bit ones 1/254, bf16 1/512 of each.
double allowance(DType dtype, bool multiplies_bf16, ActivationBits bits) {
  if (dtype == DType::kBF16 && multiplies_bf16) return 0.02;
  if (formats::find_format(dtype)->expand_block == nullptr) return 1e-5;
  return bits == ActivationBits::k8 ? 0.025 : 2e-4;
}

TEST_P(FastBackend, LinearMatchesTheReference) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    TestMatrix a(dtype, 70, 96, 1), b(dtype, 33, 96, 2);
    const size_t n = 15;
    const auto x = normal_floats(n * 96, 3), bias = normal_floats(70, 4);
    std::vector<float> want(n * 103, 1), got(n * 103, 1);
    for (auto& [backend, out] :
         {std::pair{reference_.get(), &want}, std::pair{fast_.get(), &got}}) {
      backend->prepare(a, a.memory);
      backend->prepare(b, b.memory);
      const LinearJob jobs[] = {{&a, bias.data(), out->data(), 103},
                                {&b, nullptr, out->data() + 70, 103, Store::kAdd}};
      backend->linear(x.data(), n, jobs);
    }
    const double limit = allowance(dtype, fast_->multiplies_bf16(), GetParam().bits);
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(got[i], want[i], limit) << dtype_name(dtype);
  }
}

// A matrix of int4 groups whose columns are `order`ed, random.
TestMatrix ordered_matrix(size_t rows, size_t cols, std::shared_ptr<const InputOrder> order,
                          uint32_t seed) {
  TestMatrix m(DType::kInt4G32, rows, cols, seed);
  m.input_order = std::move(order);
  return m;
}

std::shared_ptr<const InputOrder> random_order(size_t n, uint32_t seed) {
  InputOrder order(n);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  return std::make_shared<const InputOrder>(order);
}

// Four matrices in one call: two orders, one of them twice, and none.
TEST_P(FastBackend, InputsAreReadInEachMatrixesOrder) {
  constexpr size_t kCols = 96, kRows = 20, kTokens = 15;
  const auto first = random_order(kCols, 1), second = random_order(kCols, 2);
  std::vector<TestMatrix> matrices;
  for (const auto& order : {first, second, std::shared_ptr<const InputOrder>(), first}) {
    matrices.push_back(ordered_matrix(kRows, kCols, order, 7));
  }
  const auto x = normal_floats(kTokens * kCols, 3);
  const size_t width = kRows * matrices.size();
  std::vector<float> want(kTokens * width), got(kTokens * width), alone(width);
  const auto run = [&](Backend& backend, const float* in, size_t n, std::vector<float>& out) {
    std::vector<LinearJob> jobs;
    for (TestMatrix& m : matrices) {
      backend.prepare(m, m.memory);
      jobs.push_back({&m, nullptr, out.data() + kRows * jobs.size(), width});
    }
    backend.linear(in, n, jobs);
  };
  run(*reference_, x.data(), kTokens, want);
  run(*fast_, x.data(), kTokens, got);
  const double limit = 4 * allowance(DType::kInt4G32, false, GetParam().bits);
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], limit) << i;
  // The same integers in another order are another matrix.
  float apart = 0;
  for (size_t r = 0; r < kRows; ++r) {
    apart = std::max(apart, std::abs(want[r] - want[kRows + r]));
    EXPECT_EQ(want[r], want[3 * kRows + r]);
  }
  EXPECT_GT(apart, 0.1f);
  run(*fast_, x.data() + 4 * kCols, 1, alone);
  EXPECT_EQ(0, std::memcmp(alone.data(), got.data() + 4 * width, width * sizeof(float)));
}

// One attention layer of 4 heads on 2 KV heads, in one call or split at every place.
struct Layer {
  static constexpr size_t kHeads = 4, kKvHeads = 2, kDim = 32,
                          kWidth = (kHeads + 2 * kKvHeads) * kDim;
  KvLayout layout;
  std::vector<std::vector<std::byte>> memory;
  std::vector<std::byte*> blocks;

  explicit Layer(size_t n, KvType type = KvType::kF16) : layout{type, 1, kKvHeads, kDim} {
    for (size_t i = 0; i < (n + 63) / 64; ++i) {
      memory.emplace_back(layout.block_bytes());
      blocks.push_back(memory.back().data());
    }
  }

  // Tokens [begin, end) of `qkv`; rotations are those of the token's own row.
  void run(Backend& backend, RopeStyle style, std::vector<float> qkv, size_t begin, size_t end,
           std::vector<float>& out) {
    const size_t n = end - begin;
    std::vector<float> c(n * kDim / 2), s(n * kDim / 2), scale(n, 0.2f), part(n * kHeads * kDim);
    for (size_t i = 0; i < c.size(); ++i) {
      const float angle = static_cast<float>(begin * kDim / 2 + i) * 0.01f;
      c[i] = std::cos(angle);
      s[i] = std::sin(angle);
    }
    const SequenceSlice slice{0, n, begin, blocks.data()};
    const QkvArgs args{qkv.data() + begin * kWidth,
                       n,
                       kHeads,
                       kDim,
                       style,
                       c.data(),
                       s.data(),
                       scale.data(),
                       {&slice, 1},
                       layout,
                       0};
    backend.rotate_and_store(args);
    backend.attention(args, part.data());
    std::copy(part.begin(), part.end(), out.begin() + begin * kHeads * kDim);
  }
};

TEST_P(FastBackend, AttentionMatchesTheReferenceInBothRopeStyles) {
  const size_t n = 150;
  const auto qkv = normal_floats(n * Layer::kWidth, 5);
  for (const RopeStyle style : {RopeStyle::kHalves, RopeStyle::kPairs}) {
    std::vector<float> want(n * 128), got(n * 128);
    Layer(n).run(*reference_, style, qkv, 0, n, want);
    Layer(n).run(*fast_, style, qkv, 0, n, got);
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 5e-6);
  }
}

// Products of bf16 pairs round queries and weights; the reference does not.
TEST_P(FastBackend, AttentionMatchesTheReferenceWithEveryCache) {
  const size_t n = 150;
  const auto qkv = normal_floats(n * Layer::kWidth, 5);
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kI8}) {
    const bool pairs = type == KvType::kBF16 || type == KvType::kI8;
    const double limit = pairs && fast_->multiplies_bf16() ? 0.03
                         : type == KvType::kI8             ? 1e-3
                                                           : 5e-6;
    std::vector<float> want(n * 128), got(n * 128);
    Layer(n, type).run(*reference_, RopeStyle::kHalves, qkv, 0, n, want);
    Layer(n, type).run(*fast_, RopeStyle::kHalves, qkv, 0, n, got);
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], limit);
  }
}

TEST_P(FastBackend, ChunksOfAPromptGiveTheBitsOfTheWhole) {
  const size_t n = 131;
  const auto qkv = normal_floats(n * Layer::kWidth, 5);
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kI8}) {
    std::vector<float> whole(n * 128), pieces(n * 128);
    Layer(n, type).run(*fast_, RopeStyle::kHalves, qkv, 0, n, whole);
    Layer layer(n, type);
    size_t begin = 0;
    for (const size_t end : {1, 2, 60, 64, 65, 100, 130, 131}) {
      layer.run(*fast_, RopeStyle::kHalves, qkv, begin, end, pieces);
      begin = end;
    }
    EXPECT_EQ(0, std::memcmp(whole.data(), pieces.data(), whole.size() * sizeof(float)));
  }
}

TEST_P(FastBackend, ThreadCountDoesNotChangeABit) {
  auto one = make_cpu_backend(*GetParam().table, 1, GetParam().bits);
  TestMatrix m(DType::kQ4_0, 200, 256, 1);
  one->prepare(m, m.memory);
  const auto x = normal_floats(40 * 256, 3);
  std::vector<float> a(40 * 200), b(40 * 200);
  const LinearJob job_a[] = {{&m, nullptr, a.data(), 200}},
                  job_b[] = {{&m, nullptr, b.data(), 200}};
  one->linear(x.data(), 40, job_a);
  fast_->linear(x.data(), 40, job_b);
  EXPECT_EQ(a, b);
}

TEST_P(FastBackend, PrepareNamesAMatrixWithAValueThatIsNotFinite) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0}) {
    TestMatrix m(dtype, 20, 64, 1);
    m.name = "weights.bin: tensor bad";
    std::vector<float> row(64, 1.0f);
    row[5] = INFINITY;
    if (dtype == DType::kQ8_0) {
      const uint16_t infinity = 0x7c00;
      std::memcpy(m.bytes + 3 * m.row_bytes(), &infinity, 2);
    } else {
      m.format->encode_row(row.data(), m.bytes + 3 * m.row_bytes(), 64);
    }
    try {
      fast_->prepare(m, m.memory);
      FAIL() << dtype_name(dtype);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kCorrupt);
      EXPECT_NE(std::string(e.what()).find("tensor bad"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace heng::ops
