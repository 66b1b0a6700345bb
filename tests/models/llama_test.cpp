// What LLaMA's two configuration files are read as: transformers' defaults, what is refused, and
// Meta's rule for the feed-forward width.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/error.h"
#include "models/architecture.h"
#include "support/tiny_llama.h"

namespace heng::models {
namespace {

using checkpoint::Checkpoint;
using checkpoint::Kind;
using ::testing::HasSubstr;

const Architecture& llama(Kind folders) {
  for (const Architecture* a : all_architectures()) {
    if (a->name == "llama" && a->folders == folders) return *a;
  }
  throw std::logic_error("no llama");
}

DecoderSpec hf(const Json& config) {
  return llama(Kind::kHuggingFace).read_config(JsonObject(config, "config.json"));
}

DecoderSpec meta(const Json& params) {
  return llama(Kind::kMeta).read_config(JsonObject(params, "params.json"));
}

template <typename Read>
std::string error_of(Read read, const Json& config) {
  try {
    read(config);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

Json seven_b() {
  return {{"hidden_size", 4096},
          {"intermediate_size", 11008},
          {"num_hidden_layers", 32},
          {"num_attention_heads", 32},
          {"vocab_size", 32000}};
}

TEST(LlamaConfig, LeavesTheRestToTransformersDefaults) {
  const DecoderSpec s = hf(seven_b());
  EXPECT_EQ(s.n_kv_heads, 32u);
  EXPECT_EQ(s.head_dim, 128u);
  EXPECT_EQ(s.max_context, 2048u);
  EXPECT_EQ(s.norm_eps, 1e-6f);
  EXPECT_EQ(s.rope.base, 10000.0f);
  EXPECT_EQ(s.rope.style, ops::RopeStyle::kHalves);
  EXPECT_EQ(s.rope.scaling, RopeScaling::kNone);
  EXPECT_FALSE(s.tied_head);
  EXPECT_FALSE(s.qkv_bias);
}

TEST(LlamaConfig, TakesWhatIsSaid) {
  Json config = seven_b();
  config.update({{"num_key_value_heads", 8},
                 {"head_dim", 64},
                 {"max_position_embeddings", 4096},
                 {"rms_norm_eps", 1e-5},
                 {"rope_theta", 1e6},
                 {"tie_word_embeddings", true},
                 {"pretraining_tp", 2},
                 {"rope_scaling", nullptr},
                 {"attention_bias", false}});
  const DecoderSpec s = hf(config);
  EXPECT_EQ(s.n_kv_heads, 8u);
  EXPECT_EQ(s.head_dim, 64u);
  EXPECT_EQ(s.rope.dims, 64u);
  EXPECT_EQ(s.max_context, 4096u);
  EXPECT_EQ(s.norm_eps, 1e-5f);
  EXPECT_EQ(s.rope.base, 1e6f);
  EXPECT_TRUE(s.tied_head);
}

TEST(LlamaConfig, RefusesSwitchesThatTheBlockDoesNotHave) {
  const auto with = [](const char* key, const Json& value) {
    Json config = seven_b();
    config[key] = value;
    return error_of(hf, config);
  };
  EXPECT_THAT(with("attention_bias", true), HasSubstr("config.json: attention_bias"));
  EXPECT_THAT(with("mlp_bias", true), HasSubstr("config.json: mlp_bias"));
  EXPECT_THAT(with("hidden_act", "gelu"), HasSubstr("config.json: hidden_act"));
  EXPECT_THAT(with("partial_rotary_factor", 0.5), HasSubstr("partial_rotary_factor"));
}

// The published widths.
TEST(MetaParams, GiveTheFeedForwardWidth) {
  const auto width = [](int dim, int multiple_of, const Json& multiplier) {
    return meta({{"dim", dim},
                 {"n_layers", 1},
                 {"n_heads", 8},
                 {"multiple_of", multiple_of},
                 {"ffn_dim_multiplier", multiplier}})
        .ffn;
  };
  EXPECT_EQ(width(4096, 256, nullptr), 11008u);
  EXPECT_EQ(width(5120, 256, nullptr), 13824u);
  EXPECT_EQ(width(6656, 256, nullptr), 17920u);
  EXPECT_EQ(width(8192, 256, nullptr), 22016u);
  EXPECT_EQ(width(8192, 4096, 1.3), 28672u);
}

TEST(MetaParams, LeaveTheRestToUpstreamsDefaults) {
  const DecoderSpec s = meta({{"dim", 4096}, {"n_layers", 32}, {"n_heads", 32}});
  EXPECT_EQ(s.n_kv_heads, 32u);
  EXPECT_EQ(s.vocabulary, 0u);  // as many as the embedding table has rows
  EXPECT_EQ(s.norm_eps, 1e-5f);
  EXPECT_EQ(s.rope.base, 10000.0f);
  EXPECT_EQ(s.rope.style, ops::RopeStyle::kPairs);
  EXPECT_EQ(s.max_context, 4096u);
}

TEST(FindArchitecture, KnowsBothLayoutsAndTheOldClassName) {
  test::TinyLlama model;
  model.make();
  const test::TempDir hf_folder, old_folder, meta_folder;
  model.write_hf(hf_folder.path());
  model.config["architectures"] = {"LLaMAForCausalLM"};
  model.write_hf(old_folder.path());
  model.write_meta(meta_folder.path(), 2);
  const auto found = [](const test::TempDir& folder) {
    return &find_architecture(*Checkpoint::open(folder.path()));
  };
  EXPECT_EQ(found(hf_folder), &llama(Kind::kHuggingFace));
  EXPECT_EQ(found(old_folder), &llama(Kind::kHuggingFace));
  EXPECT_EQ(found(meta_folder), &llama(Kind::kMeta));
}

TEST(ReadSpec, TakesTheVocabularyFromTheTableWhereParamsLeaveIt) {
  test::TinyLlama model;
  model.make();
  const test::TempDir folder;
  Json params = model.params();
  for (const size_t n : {1, 2}) {
    model.write_meta(folder.path(), n);
    params["multiple_of"] = 1;
    test::write_file(folder / "params.json", params.dump());
    const auto checkpoint = Checkpoint::open(folder.path());
    EXPECT_EQ(read_spec(find_architecture(*checkpoint), *checkpoint).vocabulary, 32u);
  }
  auto shards = model.meta_shards(1);
  std::erase_if(shards[0], [](const auto& t) { return t.name == "tok_embeddings.weight"; });
  test::write_file(folder / "consolidated.00.pth", test::TinyLlama::shard_bytes(shards[0]));
  std::filesystem::remove(folder / "consolidated.01.pth");
  const auto read = [&](const Json&) {
    const auto checkpoint = Checkpoint::open(folder.path());
    read_spec(find_architecture(*checkpoint), *checkpoint);
  };
  EXPECT_THAT(error_of(read, Json()), HasSubstr("tok_embeddings.weight"));
}

}  // namespace
}  // namespace heng::models
