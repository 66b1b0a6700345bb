// Rotation tables of every kind of scaling against transformers' own code
// (tools/make_rope_golden.py), and what configurations and GGUF metadata are read as.
#include "models/rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "heng/error.h"
#include "models/architecture.h"
#include "support/gguf_builder.h"
#include "support/hex.h"

namespace heng::models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const Architecture& llama() {
  for (const Architecture* a : all_architectures()) {
    if (a->name == "llama" && a->folders == checkpoint::Kind::kHuggingFace) return *a;
  }
  throw std::logic_error("no llama");
}

Json tables() {
  std::ifstream in(std::string(HENG_SOURCE_DIR) + "/tests/models/data/rope.json");
  EXPECT_TRUE(in.good()) << "run tools/make_rope_golden.py";
  return Json::parse(in)["tables"];
}

DecoderSpec spec_of(const Json& config) {
  return llama().read_config(JsonObject(config, "config.json"));
}

// A config.json with only what a test changes.
Json tiny(const Json& scaling) {
  return {{"hidden_size", 64},       {"num_attention_heads", 4}, {"num_hidden_layers", 1},
          {"intermediate_size", 64}, {"vocab_size", 32},         {"max_position_embeddings", 2048},
          {"rope_scaling", scaling}};
}

std::string error_of(const Json& scaling, ErrorCode code) {
  try {
    spec_of(tiny(scaling));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(Rope, TablesAreThoseOfTransformers) {
  size_t n = 0;
  for (const Json& t : tables()) {
    const DecoderSpec spec = spec_of(t["config"]);
    const size_t prefill = t["prefill"], length = t["length"];
    const float before = prefill_rope_base(spec, prefill > 0 ? prefill : length);
    const float base = forward_rope_base(spec, before, length);
    const auto want_cos = test::floats_from_hex(t["cosines"].get<std::string>());
    const auto want_sin = test::floats_from_hex(t["sines"].get<std::string>());
    const size_t half = spec.rope.dims / 2;
    ASSERT_EQ(want_cos.size(), t["positions"].size() * half);
    std::vector<float> cosine(half), sine(half);
    for (size_t row = 0; row < t["positions"].size(); ++row) {
      const size_t pos = t["positions"][row];
      fill_rotation(spec.rope, base, pos, 1, cosine.data(), sine.data());
      const auto frequencies = inverse_frequencies(spec.rope, base);
      for (size_t i = 0; i < half; ++i) {
        // A frequency is right to some 3 units in the last place, and so is the angle.
        const float allowed = 1e-6f + 4e-7f * static_cast<float>(pos) * frequencies[i];
        EXPECT_NEAR(cosine[i], want_cos[row * half + i], allowed) << t["name"] << " " << pos;
        EXPECT_NEAR(sine[i], want_sin[row * half + i], allowed) << t["name"] << " " << pos;
        ++n;
      }
    }
  }
  EXPECT_GT(n, 500u);
}

TEST(Rope, DynamicTakesANewBaseWithEveryTokenPastBothLengths) {
  const DecoderSpec spec = spec_of(tiny({{"type", "dynamic"}, {"factor", 2.0}}));
  const float trained = prefill_rope_base(spec, 2048), longer = prefill_rope_base(spec, 3000);
  EXPECT_EQ(trained, 10000.0f);
  EXPECT_GT(longer, trained);
  EXPECT_EQ(forward_rope_base(spec, trained, 2048), trained);
  EXPECT_GT(forward_rope_base(spec, trained, 2049), trained);
  EXPECT_EQ(forward_rope_base(spec, longer, 512), longer);  // a piece of that prefill
  EXPECT_GT(forward_rope_base(spec, longer, 3001), longer);
}

TEST(RopeScaling, TheLongestContextGrowsWithIt) {
  const auto longest = [](const Json& scaling) { return spec_of(tiny(scaling)).max_context; };
  EXPECT_EQ(longest(nullptr), 2048u);
  EXPECT_EQ(longest({{"rope_type", "default"}}), 2048u);
  EXPECT_EQ(longest({{"type", "linear"}, {"factor", 4}}), 8192u);
  EXPECT_EQ(longest({{"type", "dynamic"}, {"factor", 1.5}}), 3072u);
  const Json yarn = {{"type", "yarn"}, {"factor", 4.0}};
  EXPECT_EQ(longest(yarn), 8192u);
  Json from_shorter = yarn;
  from_shorter["original_max_position_embeddings"] = 1024;
  EXPECT_EQ(longest(from_shorter), 4096u);
  EXPECT_EQ(spec_of(tiny(from_shorter)).trained_context, 1024u);
  EXPECT_EQ(longest({{"rope_type", "llama3"},
                     {"factor", 8.0},
                     {"low_freq_factor", 1.0},
                     {"high_freq_factor", 4.0},
                     {"original_max_position_embeddings", 512}}),
            2048u);
}

TEST(RopeScaling, NewerFilesSayRopeParameters) {
  Json config = tiny(nullptr);
  config.erase("rope_scaling");
  config["rope_parameters"] = {{"rope_type", "linear"}, {"rope_theta", 5e5}, {"factor", 2.0}};
  const DecoderSpec spec = spec_of(config);
  EXPECT_EQ(spec.rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(spec.rope.base, 5e5f);
}

TEST(RopeScaling, AnUnknownTypeIsNamedWithWhatIsSupported) {
  EXPECT_THAT(
      error_of({{"type", "longrope"}, {"factor", 2.0}}, ErrorCode::kUnsupported),
      AllOf(HasSubstr("config.json: rope_scaling.type"), HasSubstr("longrope"), HasSubstr("yarn"),
            HasSubstr("llama3"), HasSubstr("linear"), HasSubstr("dynamic")));
}

TEST(RopeScaling, WhatIsMissingOrOutOfRangeIsNamed) {
  const Json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 512}};
  const auto without = [&](const char* key) {
    Json changed = llama3;
    changed.erase(key);
    return error_of(changed, ErrorCode::kCorrupt);
  };
  for (const auto& [key, value] : llama3.items()) {
    EXPECT_THAT(without(key.c_str()), HasSubstr("rope_scaling." + key));
  }
  const auto refused = [](const Json& scaling) { return error_of(scaling, ErrorCode::kCorrupt); };
  EXPECT_THAT(refused({{"factor", 2.0}}), HasSubstr("rope_type"));
  EXPECT_THAT(refused("linear"), HasSubstr("rope_scaling"));
  for (const Json& factor : {Json(0), Json(-1), Json(0.5), Json(1e30), Json("2"), Json(nullptr)}) {
    EXPECT_THAT(refused({{"type", "linear"}, {"factor", factor}}),
                HasSubstr("rope_scaling.factor"));
    EXPECT_THAT(refused({{"type", "yarn"}, {"factor", factor}}), HasSubstr("rope_scaling.factor"));
  }
  EXPECT_THAT(refused({{"type", "yarn"}, {"factor", 2}, {"beta_fast", 1}, {"beta_slow", 4}}),
              HasSubstr("rope_scaling.beta_fast"));
}

// A GGUF file of an architecture's sizes and, by `change`, its scaling.
template <typename Change>
DecoderSpec gguf_spec(const Change& change) {
  const test::TempDir dir;
  test::GgufBuilder b;
  b.set("general.architecture", "llama")
      .set("llama.block_count", 1u)
      .set("llama.embedding_length", 64u)
      .set("llama.feed_forward_length", 64u)
      .set("llama.attention.head_count", 4u)
      .set("llama.context_length", 2048u)
      .set("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .add("token_embd.weight", {2, 64}, std::vector<float>(128, 1.0f));
  change(b);
  b.write(dir / "tiny.gguf");
  const auto checkpoint = checkpoint::Checkpoint::open(dir / "tiny.gguf");
  return read_spec(find_architecture(*checkpoint), *checkpoint);
}

TEST(GgufRopeScaling, KindsAreThoseOfTheFolders) {
  const auto plain = gguf_spec([](auto&) {});
  EXPECT_EQ(plain.rope.scaling, RopeScaling::kNone);
  EXPECT_EQ(plain.vocabulary, 2u);
  const auto linear = gguf_spec([](auto& b) {
    b.set("llama.rope.scaling.type", "linear").set("llama.rope.scaling.factor", 4.0f);
  });
  EXPECT_EQ(linear.rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(linear.max_context, 8192u);
  const auto old = gguf_spec([](auto& b) { b.set("llama.rope.scale_linear", 2.0f); });
  EXPECT_EQ(old.rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(old.rope.factor, 2.0f);
  const auto yarn = gguf_spec([](auto& b) {
    b.set("llama.rope.scaling.type", "yarn")
        .set("llama.rope.scaling.factor", 4.0f)
        .set("llama.rope.scaling.original_context_length", 1024u);
  });
  const auto same = spec_of(
      tiny({{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 1024}}));
  EXPECT_EQ(inverse_frequencies(yarn.rope, 1e4f), inverse_frequencies(same.rope, 1e4f));
  EXPECT_EQ(yarn.rope.attention_factor, same.rope.attention_factor);
  EXPECT_EQ(yarn.max_context, 4096u);
}

// What llama.cpp's conversion of LLaMA 3 writes: the unscaled frequency over the scaled one.
TEST(GgufRopeScaling, DivisorsGiveLlama3sFrequencies) {
  const auto llama3 = spec_of(tiny({{"rope_type", "llama3"},
                                    {"factor", 8.0},
                                    {"low_freq_factor", 1.0},
                                    {"high_freq_factor", 4.0},
                                    {"original_max_position_embeddings", 512}}));
  const auto want = inverse_frequencies(llama3.rope, 1e4f);
  RopeSpec unscaled = llama3.rope;
  unscaled.scaling = RopeScaling::kNone;
  std::vector<float> divisors = inverse_frequencies(unscaled, 1e4f);
  for (size_t i = 0; i < want.size(); ++i) divisors[i] /= want[i];
  EXPECT_GT(divisors.back(), 7.9f);
  const auto read =
      gguf_spec([&](auto& b) { b.add("rope_freqs.weight", {divisors.size()}, divisors); });
  const auto got = inverse_frequencies(read.rope, 1e4f);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6f * want[i]) << i;
}

TEST(GgufRopeScaling, WhatIsNotSupportedIsRefusedByName) {
  const auto error_of_gguf = [](const auto& change) -> std::string {
    try {
      gguf_spec(change);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(error_of_gguf([](auto& b) { b.set("llama.rope.scaling.type", "longrope"); }),
              AllOf(HasSubstr("llama.rope.scaling.type"), HasSubstr("longrope")));
  const std::vector<float> eight(8, 1.0f), seven(7, 1.0f), negative(8, -1.0f);
  EXPECT_THAT(error_of_gguf([&](auto& b) { b.add("rope_factors_long.weight", {8}, eight); }),
              HasSubstr("rope_factors_long.weight"));
  EXPECT_THAT(error_of_gguf([&](auto& b) { b.add("rope_freqs.weight", {7}, seven); }),
              AllOf(HasSubstr("rope_freqs.weight"), HasSubstr("[8]")));
  EXPECT_THAT(error_of_gguf([&](auto& b) { b.add("rope_freqs.weight", {8}, negative); }),
              HasSubstr("rope_freqs.weight"));
  EXPECT_THAT(error_of_gguf([&](auto& b) {
                b.add("rope_freqs.weight", {8}, eight).set("llama.rope.scale_linear", 2.0f);
              }),
              HasSubstr("rope_freqs.weight"));
}

}  // namespace
}  // namespace heng::models
