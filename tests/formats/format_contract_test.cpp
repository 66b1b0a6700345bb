// What every weight format promises, checked for each line of formats/list.inc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/half.h"
#include "formats/format.h"
#include "formats/golden_rows.h"

namespace heng::formats {
namespace {

using test::golden_rows;
using test::GoldenRow;

// The same bits; any NaN equals any other, as upstream leaves their payload to the processor.
bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

MATCHER(SameWeight, "") {
  return same(std::get<0>(arg), std::get<1>(arg));
}

std::vector<std::byte> random_blocks(const WeightFormat& format, size_t n_blocks, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(n_blocks * format.block_bytes);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
  return bytes;
}

std::vector<float> random_weights(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.01f, 0.05f);
  std::vector<float> weights(n);
  for (float& weight : weights) weight = normal(random);
  return weights;
}

std::vector<float> decode(const WeightFormat& format, const std::vector<std::byte>& bytes) {
  std::vector<float> weights(bytes.size() / format.block_bytes * format.block_length);
  format.decode_row(bytes.data(), weights.data(), weights.size());
  return weights;
}

std::vector<std::byte> encode(const WeightFormat& format, const std::vector<float>& weights) {
  std::vector<std::byte> bytes(weights.size() / format.block_length * format.block_bytes);
  format.encode_row(weights.data(), bytes.data(), weights.size());
  return bytes;
}

class FormatContract : public testing::TestWithParam<const WeightFormat*> {
 protected:
  const WeightFormat& format() const { return *GetParam(); }
  size_t n_groups() const { return format().block_length / format().group_length; }

  // Calls check(block) for 300 blocks of random bytes, expanded.
  template <typename Check>
  void for_random_blocks(const Check& check) const {
    constexpr size_t kBlocks = 300;
    const auto bytes = random_blocks(format(), kBlocks, 17);
    for (size_t i = 0; i < kBlocks; ++i) {
      IntBlock block;
      const std::byte* at = bytes.data() + i * format().block_bytes;
      format().expand_block(at, block);
      SCOPED_TRACE("block " + std::to_string(i));
      check(block, at);
    }
  }
};

// Formats whose weights are integers with scales, and of these the symmetric ones. Formats that can
// be written, and of these the ones with scales.
class BlockFormatContract : public FormatContract {};
class SymmetricContract : public FormatContract {};
class StoredZeroContract : public FormatContract {};
class EncoderContract : public FormatContract {};
class BlockEncoderContract : public FormatContract {};

TEST_P(FormatContract, NameAndSizesAreThoseOfItsDType) {
  EXPECT_EQ(format().name, dtype_name(format().dtype));
  EXPECT_EQ(format().block_length, dtype_size(format().dtype).block_length);
  EXPECT_EQ(format().block_bytes, dtype_size(format().dtype).block_bytes);
}

TEST_P(FormatContract, IsFoundByItsDType) {
  EXPECT_EQ(find_format(format().dtype), &format());
}

TEST_P(FormatContract, DecodesUpstreamBlocksBitForBit) {
  const auto rows = golden_rows(format().name, "decode");
  ASSERT_FALSE(rows.empty());
  for (const GoldenRow& row : rows) {
    EXPECT_THAT(decode(format(), row.bytes), testing::Pointwise(SameWeight(), row.weights))
        << row.what;
  }
}

TEST_P(FormatContract, DecodesARowAsItsBlocksOneByOneAtAnyAddress) {
  constexpr size_t kBlocks = 7;
  const auto bytes = random_blocks(format(), kBlocks, 5);
  const auto whole = decode(format(), bytes);
  std::vector<std::byte> shifted(bytes.size() + 1);
  std::copy(bytes.begin(), bytes.end(), shifted.begin() + 1);
  for (size_t i = 0; i < kBlocks; ++i) {
    std::vector<float> one(format().block_length);
    format().decode_row(shifted.data() + 1 + i * format().block_bytes, one.data(), one.size());
    for (size_t j = 0; j < one.size(); ++j) {
      EXPECT_TRUE(same(one[j], whole[i * one.size() + j])) << "block " << i << " weight " << j;
    }
  }
}

TEST_P(FormatContract, DecodesNoMoreThanItWasAskedFor) {
  const auto bytes = random_blocks(format(), 3, 6);
  std::vector<float> weights(3 * format().block_length, 1234.5f);
  const size_t n = 2 * format().block_length;
  format().decode_row(bytes.data(), weights.data(), n);
  format().decode_row(bytes.data(), weights.data() + n, 0);
  EXPECT_TRUE(std::all_of(weights.begin() + static_cast<std::ptrdiff_t>(n), weights.end(),
                          [](float weight) { return weight == 1234.5f; }));
}

TEST_P(BlockFormatContract, GroupsDivideTheBlock) {
  const size_t n = format().group_length;
  EXPECT_TRUE(n == 16 || n == 32 || n == 128);
  EXPECT_EQ(format().block_length % format().group_length, 0u);
  EXPECT_LE(format().block_length, IntBlock::kMaxLength);
}

TEST_P(BlockFormatContract, IntegersTakeAllLevelsOfTheirBitsAndNoOther) {
  std::vector<size_t> seen(256);
  for_random_blocks([&](const IntBlock& block, const std::byte*) {
    for (size_t i = 0; i < format().block_length; ++i) ++seen[block.q[i]];
  });
  for (size_t level = 0; level < seen.size(); ++level) {
    EXPECT_EQ(seen[level] > 0, level < (size_t{1} << format().bits)) << "level " << level;
  }
}

TEST_P(BlockFormatContract, ExpandWritesEveryWeightScaleAndMinimum) {
  const auto bytes = random_blocks(format(), 1, 8);
  IntBlock low, high;
  std::memset(&low, 0x00, sizeof(low));
  std::memset(&high, 0xff, sizeof(high));
  format().expand_block(bytes.data(), low);
  format().expand_block(bytes.data(), high);
  EXPECT_EQ(std::memcmp(low.q, high.q, format().block_length), 0);
  EXPECT_EQ(std::memcmp(low.scale, high.scale, n_groups() * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(low.min, high.min, n_groups() * sizeof(float)), 0);
}

TEST_P(StoredZeroContract, MinimumIsMinusTheGroupsZeroTimesScale) {
  for_random_blocks([&](const IntBlock& block, const std::byte*) {
    for (size_t g = 0; g < n_groups(); ++g) {
      const auto min = static_cast<float>(-static_cast<double>(block.zero[g]) * block.scale[g]);
      EXPECT_TRUE(same(block.min[g], min)) << "group " << g;
    }
  });
}

// In double precision both the product and the sum are exact, so this also holds the fp32 decoder
// to one rounding, and `scale` and `min` to being exact.
TEST_P(BlockFormatContract, WeightIsScaleTimesIntegerPlusMinimumRoundedOnce) {
  for_random_blocks([&](const IntBlock& block, const std::byte* bytes) {
    std::vector<float> weights(format().block_length);
    format().decode_row(bytes, weights.data(), weights.size());
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t g = i / format().group_length;
      const float exact =
          static_cast<float>(static_cast<double>(block.scale[g]) * block.q[i] + block.min[g]);
      // Compared as numbers: the sum does not keep the sign of zero that the product has.
      EXPECT_TRUE(exact == weights[i] || !std::isfinite(exact)) << "weight " << i;
    }
  });
}

TEST_P(SymmetricContract, MinimumIsMinusZeroTimesScale) {
  EXPECT_EQ(format().zero, 1 << (format().bits - 1));
  for_random_blocks([&](const IntBlock& block, const std::byte*) {
    for (size_t g = 0; g < n_groups(); ++g) {
      const auto min = static_cast<float>(-static_cast<double>(format().zero) * block.scale[g]);
      EXPECT_TRUE(same(block.min[g], min)) << "group " << g;
    }
  });
}

TEST_P(BlockFormatContract, FactorsAreSaidWhereFp16DoesNotHoldScalesAndStoredMinima) {
  const auto held = [](float value) { return same(half_to_float(float_to_half(value)), value); };
  bool all_held = true;
  for_random_blocks([&](const IntBlock& block, const std::byte*) {
    for (size_t g = 0; g < n_groups(); ++g) {
      all_held &= held(block.scale[g]) && (format().zero != kStoredMin || held(block.min[g]));
    }
  });
  EXPECT_EQ(format().has_factors, !all_held);
}

TEST_P(EncoderContract, PacksAsUpstreamBitForBit) {
  const auto rows = golden_rows(format().name, "encode");
  ASSERT_FALSE(rows.empty());
  for (const GoldenRow& row : rows) {
    EXPECT_EQ(encode(format(), row.weights), row.bytes) << row.what;
  }
}

// The largest error of a weight, as a share of the largest magnitude (relative = false) or of its
// own.
struct ErrorBound {
  bool relative;
  double share;
};
// Half a step, and half a unit of the fp16 fields; q4_0 cuts the positive end by up to a whole
// step.
ErrorBound error_bound(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return {true, 0.0};
    case DType::kF16:
      return {true, 0x1p-11};
    case DType::kBF16:
      return {true, 0x1p-8};
    case DType::kQ8_0:
      return {false, 0.5 / 127 + 0x1p-11};
    case DType::kQ4_0:
      return {false, 1.0 / 8 + 0x1p-11};
    case DType::kQ4_1:
      return {false, 1.0 / 15 + 3 * 0x1p-11};
    case DType::kQ4_K:  // a search for the least squares may cut an end off by a step of 2 / 15
      return {false, 2.0 / 15};
    default:
      ADD_FAILURE() << "a new encoder needs its bound here";
      return {true, 0.0};
  }
}

TEST_P(EncoderContract, RoundTripErrorIsBounded) {
  const ErrorBound bound = error_bound(format().dtype);
  // Numbers near zero are bounded by half of fp16's smallest step instead.
  const double floor = bound.share > 0.0 ? 0x1p-25 : 0.0;
  double worst_share = 0.0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const auto weights = random_weights(std::max(32u, format().block_length), seed);
    const auto back = decode(format(), encode(format(), weights));
    double largest = 0.0;
    for (float weight : weights) largest = std::max(largest, std::abs(double{weight}));
    for (size_t i = 0; i < weights.size(); ++i) {
      const double error = std::abs(double{back[i]} - double{weights[i]});
      const double allowed = bound.share * (bound.relative ? std::abs(weights[i]) : largest);
      ASSERT_LE(error, allowed + floor) << "seed " << seed << " weight " << weights[i];
      if (allowed > 0x1p-20) worst_share = std::max(worst_share, error / allowed);
    }
  }
  if (bound.share > 0.0) {
    EXPECT_GT(worst_share, 0.5) << "the bound is too loose to say much";
  }
}

class ExactEncoderContract : public EncoderContract {};

TEST_P(ExactEncoderContract, DecodedWeightsAreEncodedAsTheyWere) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const auto bytes =
        encode(format(), random_weights(4 * std::max(32u, format().block_length), seed));
    EXPECT_EQ(encode(format(), decode(format(), bytes)), bytes) << "seed " << seed;
  }
}

TEST_P(BlockEncoderContract, WeightsTooSmallForAStepBecomeZero) {
  std::vector<float> weights(format().block_length);
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = (i % 2 ? -1.0f : 1.0f) * static_cast<float>(i) * 1e-41f;
  }
  for (float weight : decode(format(), encode(format(), weights))) EXPECT_EQ(weight, 0.0f);
}

TEST_P(EncoderContract, InfiniteAndNanWeightsDoNotSpillIntoOtherBlocks) {
  const size_t length = format().block_length;
  auto weights = random_weights(3 * length, 3);
  const auto clean = encode(format(), weights);
  weights[length] = std::numeric_limits<float>::quiet_NaN();
  if (length > 1) weights[length + 1] = std::numeric_limits<float>::infinity();
  const auto bytes = encode(format(), weights);
  const auto middle = static_cast<std::ptrdiff_t>(format().block_bytes);
  EXPECT_TRUE(std::equal(clean.begin(), clean.begin() + middle, bytes.begin()));
  EXPECT_TRUE(std::equal(clean.begin() + 2 * middle, clean.end(), bytes.begin() + 2 * middle));
}

auto formats_where(bool (*wanted)(const WeightFormat&)) {
  std::vector<const WeightFormat*> chosen;
  for (const WeightFormat* format : all_formats()) {
    if (wanted(*format)) chosen.push_back(format);
  }
  return testing::ValuesIn(chosen);
}

bool any(const WeightFormat&) {
  return true;
}
bool has_blocks(const WeightFormat& format) {
  return format.expand_block != nullptr;
}
bool is_symmetric(const WeightFormat& format) {
  return format.zero >= 0;
}
bool stores_zeros(const WeightFormat& format) {
  return format.zero == kStoredZero;
}
bool is_written(const WeightFormat& format) {
  return format.encode_row != nullptr;
}
// q4_k searches for scales, and may find others than it had.
bool is_written_exactly(const WeightFormat& format) {
  return is_written(format) && format.dtype != DType::kQ4_K;
}
bool is_written_in_blocks(const WeightFormat& format) {
  return has_blocks(format) && is_written(format);
}

std::string format_name(const testing::TestParamInfo<const WeightFormat*>& info) {
  return std::string(info.param->name);
}

INSTANTIATE_TEST_SUITE_P(All, FormatContract, formats_where(any), format_name);
INSTANTIATE_TEST_SUITE_P(All, BlockFormatContract, formats_where(has_blocks), format_name);
INSTANTIATE_TEST_SUITE_P(All, SymmetricContract, formats_where(is_symmetric), format_name);
INSTANTIATE_TEST_SUITE_P(All, StoredZeroContract, formats_where(stores_zeros), format_name);
INSTANTIATE_TEST_SUITE_P(All, EncoderContract, formats_where(is_written), format_name);
INSTANTIATE_TEST_SUITE_P(All, ExactEncoderContract, formats_where(is_written_exactly), format_name);
INSTANTIATE_TEST_SUITE_P(All, BlockEncoderContract, formats_where(is_written_in_blocks),
                         format_name);

TEST(Formats, CoverTheWeightTypesOfCheckpointsAndNoOther) {
  EXPECT_EQ(all_formats().size(), 18u);
  for (DType integer :
       {DType::kI64, DType::kI32, DType::kI16, DType::kI8, DType::kU8, DType::kBool}) {
    EXPECT_EQ(find_format(integer), nullptr) << dtype_name(integer);
  }
}

TEST(Formats, PlainOnesHaveNoGroups) {
  for (const WeightFormat* format : all_formats()) {
    EXPECT_EQ(format->expand_block == nullptr, format->block_length == 1) << format->name;
    EXPECT_EQ(format->group_length == 0, format->block_length == 1) << format->name;
  }
}

}  // namespace
}  // namespace heng::formats
