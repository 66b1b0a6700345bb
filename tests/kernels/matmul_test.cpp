// Every level's products against plain double sums over the decoded weights, and the promise that
// tile shape, token count and thread split never change a bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/aligned_buffer.h"
#include "base/half.h"
#include "formats/format.h"
#include "kernels/int_panels.h"
#include "kernels/select.h"
#include "ops/int_activations.h"
#include "support/random.h"
#include "support/weight_blocks.h"

namespace heng::kernels {
namespace {

using test::finite_blocks;
using test::normal_floats;

struct Case {
  size_t rows, k, n;
};

constexpr ActivationBits kWidths[] = {ActivationBits::k8, ActivationBits::k15};

class MatmulOnEachLevel : public ::testing::TestWithParam<const KernelTable*> {};

INSTANTIATE_TEST_SUITE_P(Level, MatmulOnEachLevel, ::testing::ValuesIn(supported_levels()),
                         [](const auto& info) { return std::string(info.param->level); });

// What the integer product should give: the quantised activations times the decoded weights.
std::vector<double> exact_int_product(const formats::WeightFormat& f, const std::byte* weights,
                                      const std::vector<float>& x, const Case& c,
                                      ActivationBits bits) {
  const float most = bits == ActivationBits::k8 ? 127.0f : 16256.0f;
  std::vector<float> decoded(c.rows * c.k);
  f.decode_row(weights, decoded.data(), decoded.size());
  std::vector<double> out(c.n * c.rows);
  std::vector<double> row(c.k);
  for (size_t t = 0; t < c.n; ++t) {
    for (size_t g = 0; g < c.k; g += kGroup) {
      float largest = 0;
      for (size_t i = g; i < g + kGroup; ++i) largest = std::max(largest, std::abs(x[t * c.k + i]));
      const float inverse = largest > 0 ? most / largest : 0.0f;
      for (size_t i = g; i < g + kGroup; ++i) {
        row[i] = std::nearbyint(x[t * c.k + i] * inverse) * double{largest / most};
      }
    }
    for (size_t r = 0; r < c.rows; ++r) {
      for (size_t i = 0; i < c.k; ++i) out[t * c.rows + r] += row[i] * decoded[r * c.k + i];
    }
  }
  return out;
}

// A packed matrix with its memory.
struct Packed {
  Arena memory;
  PackedMatrix matrix;
  Packed(const formats::WeightFormat& f, size_t rows, size_t k)
      : matrix(f, rows, k, memory.take(packed_bytes(f, rows, k), "test")) {}
  bool pack(const std::vector<std::byte>& weights) {
    return matrix.pack(weights.data(), 0, matrix.n_panels());
  }
};

std::vector<float> int_product(const KernelTable& table, const PackedMatrix& packed,
                               const std::vector<float>& x, const Case& c, ActivationBits bits,
                               size_t panel_split) {
  ops::IntActivationBuffer acts(bits);
  acts.resize(c.n, c.k);
  table.quantize(x.data(), acts.view(), 0, c.n);
  acts.prepare_zero(packed.panels());
  std::vector<float> out(c.n * c.rows, NAN);
  const Output to{out.data(), c.rows, nullptr, Store::kSet};
  for (size_t p = 0; p < packed.n_panels(); p += panel_split) {
    table.matmul_int(packed.panels(), acts.view_for(packed.panels()), to, c.rows, p,
                     std::min(p + panel_split, packed.n_panels()));
  }
  return out;
}

TEST_P(MatmulOnEachLevel, IntegerProductsOfEveryFormatMatchDecodedWeights) {
  for (const formats::WeightFormat* f : formats::all_formats()) {
    if (f->expand_block == nullptr) continue;
    for (const Case c : {Case{16, 256, 1}, Case{40, 512, 13}, Case{7, 768, 27}}) {
      const auto weights = finite_blocks(*f, c.rows, c.k, 7);
      Packed packed(*f, c.rows, c.k);
      ASSERT_TRUE(packed.pack(weights));
      const auto x = normal_floats(c.n * c.k, 11);
      for (const ActivationBits bits : kWidths) {
        const auto out = int_product(*GetParam(), packed.matrix, x, c, bits, 2);
        const auto exact = exact_int_product(*f, weights.data(), x, c, bits);
        double largest = 0, worst = 0;
        for (size_t i = 0; i < out.size(); ++i) {
          largest = std::max(largest, std::abs(exact[i]));
          worst = std::max(worst, std::abs(out[i] - exact[i]));
        }
        EXPECT_LE(worst, 4e-6 * largest) << f->name << " rows " << c.rows << " k " << c.k;
      }
    }
  }
}

TEST_P(MatmulOnEachLevel, IntegerProductsDoNotDependOnTokenCountOrSplit) {
  for (const formats::WeightFormat* f : formats::all_formats()) {
    if (f->expand_block == nullptr) continue;
    const Case c{48, 256, 31};
    const auto weights = finite_blocks(*f, c.rows, c.k, 3);
    Packed packed(*f, c.rows, c.k);
    ASSERT_TRUE(packed.pack(weights));
    const auto x = normal_floats(c.n * c.k, 5);
    for (const ActivationBits bits : kWidths) {
      const auto all = int_product(*GetParam(), packed.matrix, x, c, bits, 3);
      for (size_t t = 0; t < c.n; ++t) {
        const std::vector<float> one(x.begin() + t * c.k, x.begin() + (t + 1) * c.k);
        const auto alone = int_product(*GetParam(), packed.matrix, one, {c.rows, c.k, 1}, bits, 1);
        ASSERT_EQ(0, std::memcmp(alone.data(), all.data() + t * c.rows, c.rows * sizeof(float)))
            << f->name << " token " << t;
      }
    }
  }
}

TEST_P(MatmulOnEachLevel, IntegerProductsHaveTheBitsOfTheScalarLevel) {
  for (const formats::WeightFormat* f : formats::all_formats()) {
    if (f->expand_block == nullptr) continue;
    const Case c{19, 512, 14};
    const auto weights = finite_blocks(*f, c.rows, c.k, 23);
    Packed packed(*f, c.rows, c.k);
    ASSERT_TRUE(packed.pack(weights));
    const auto x = normal_floats(c.n * c.k, 29);
    for (const ActivationBits bits : kWidths) {
      EXPECT_EQ(int_product(*GetParam(), packed.matrix, x, c, bits, 2),
                int_product(level_by_name("scalar"), packed.matrix, x, c, bits, 2))
          << f->name;
    }
  }
}

using PlainProduct = void (*)(const PlainMatmul&, size_t, size_t);

PlainProduct product_for(const KernelTable& table, DType dtype) {
  return dtype == DType::kF32   ? table.matmul_f32
         : dtype == DType::kF16 ? table.matmul_f16
                                : table.matmul_bf16;
}

// x [n, k] as the level's product with `dtype` weights takes it.
std::vector<float> packed_input(const KernelTable& table, DType dtype, const std::vector<float>& x,
                                const Case& c) {
  std::vector<float> out(c.n * (c.k + kPlainStep), NAN);
  const bool bf16 = dtype == DType::kBF16 && table.bf16_activations;
  (bf16 ? table.pack_bf16 : table.pack_f32)(x.data(), c.n, c.k, out.data(), 0, c.n);
  return out;
}

AlignedBuffer plain_room(size_t k) {
  return {kPlainRoomRows * (k + kPlainStep) * sizeof(float), "test"};
}

std::vector<float> plain_product(const KernelTable& table, DType dtype, const std::byte* weights,
                                 const std::vector<float>& x, const Case& c, size_t row_split) {
  std::vector<float> out(c.n * c.rows, NAN);
  const auto packed = packed_input(table, dtype, x, c);
  const AlignedBuffer room = plain_room(c.k);
  const PlainMatmul m{weights,         c.rows, c.k,
                      packed.data(),   c.n,    {out.data(), c.rows, nullptr, Store::kSet},
                      room.as<float>()};
  for (size_t r = 0; r < c.rows; r += row_split) {
    product_for(table, dtype)(m, r, std::min(r + row_split, c.rows));
  }
  return out;
}

TEST_P(MatmulOnEachLevel, PlainProductsMatchDoubleSums) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const formats::WeightFormat& f = *formats::find_format(dtype);
    for (const Case c :
         {Case{5, 7, 1}, Case{12, 64, 7}, Case{33, 331, 20}, Case{70, 95, 27}, Case{18, 1100, 1}}) {
      const auto weights = finite_blocks(f, c.rows, c.k, 17);
      auto x = normal_floats(c.n * c.k, 19);
      const auto out = plain_product(*GetParam(), dtype, weights.data(), x, c, 4);
      const bool rounds = dtype == DType::kBF16 && GetParam()->bf16_activations;
      if (rounds) {
        for (float& v : x) v = bf16_to_float(float_to_bf16(v));
      }
      std::vector<float> w(c.rows * c.k);
      f.decode_row(weights.data(), w.data(), w.size());
      for (size_t t = 0; t < c.n; ++t) {
        for (size_t r = 0; r < c.rows; ++r) {
          double sum = 0, size = 0;
          for (size_t i = 0; i < c.k; ++i) {
            sum += double{w[r * c.k + i]} * x[t * c.k + i];
            size += std::abs(double{w[r * c.k + i]} * x[t * c.k + i]);
          }
          ASSERT_NEAR(out[t * c.rows + r], sum, 1e-6 * size) << f.name << " " << c.k;
        }
      }
    }
  }
}

TEST_P(MatmulOnEachLevel, PlainProductsDoNotDependOnTokenCountOrSplit) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const Case c{53, 200, 31};
    const auto weights = finite_blocks(*formats::find_format(dtype), c.rows, c.k, 31);
    const auto x = normal_floats(c.n * c.k, 37);
    const auto all = plain_product(*GetParam(), dtype, weights.data(), x, c, c.rows);
    for (size_t t = 0; t < c.n; ++t) {
      const std::vector<float> one(x.begin() + t * c.k, x.begin() + (t + 1) * c.k);
      const auto alone =
          plain_product(*GetParam(), dtype, weights.data(), one, {c.rows, c.k, 1}, 1);
      ASSERT_EQ(0, std::memcmp(alone.data(), all.data() + t * c.rows, c.rows * sizeof(float)));
    }
  }
}

TEST_P(MatmulOnEachLevel, Fp32ProductsHaveTheBitsOfTheScalarLevel) {
  const Case c{21, 203, 16};
  const auto weights = finite_blocks(*formats::find_format(DType::kF32), c.rows, c.k, 31);
  const auto x = normal_floats(c.n * c.k, 37);
  EXPECT_EQ(plain_product(*GetParam(), DType::kF32, weights.data(), x, c, 4),
            plain_product(level_by_name("scalar"), DType::kF32, weights.data(), x, c, 4));
}

TEST_P(MatmulOnEachLevel, OutputIsAddedToAndBiased) {
  const Case c{20, 64, 3};
  const auto weights = finite_blocks(*formats::find_format(DType::kF32), c.rows, c.k, 41);
  const auto x = normal_floats(c.n * c.k, 43), bias = normal_floats(c.rows, 47);
  const auto plain = plain_product(*GetParam(), DType::kF32, weights.data(), x, c, 20);
  std::vector<float> out(c.n * c.rows, 1.0f);
  GetParam()->matmul_f32({weights.data(),
                          c.rows,
                          c.k,
                          packed_input(*GetParam(), DType::kF32, x, c).data(),
                          c.n,
                          {out.data(), c.rows, bias.data(), Store::kAdd},
                          plain_room(c.k).as<float>()},
                         0, c.rows);
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(out[i], 1.0f + (plain[i] + bias[i % c.rows]));
  }
}

TEST(Packing, RefusesScalesThatAreNotFinite) {
  const formats::WeightFormat& f = *formats::find_format(DType::kQ4_0);
  auto weights = finite_blocks(f, 3, 64, 1);
  const uint16_t nan = 0x7e00;
  std::memcpy(weights.data() + f.block_bytes, &nan, 2);  // the block's scale comes first
  Packed packed(f, 3, 64);
  EXPECT_FALSE(packed.pack(weights));
}

}  // namespace
}  // namespace heng::kernels
