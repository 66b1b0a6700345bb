// PEFT folders: names as its versions spell them, scales, and everything that must be refused.
#include "checkpoint/lora_adapter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "support/tiny_lora.h"
#include "support/torch_builder.h"

namespace heng::checkpoint {
namespace {

using test::TinyLora;

constexpr const char* kModule = "model.layers.0.self_attn.q_proj";

LoraConfig parse(const Json& json) {
  return parse_lora_config(JsonObject(json, "adapter_config.json"));
}

TinyLora good() {
  TinyLora lora;
  lora.pair(kModule, 64, 32).pair("model.layers.0.mlp.down_proj", 32, 96);
  return lora;
}

std::shared_ptr<const LoraAdapter> open(const TinyLora& lora) {
  const test::TempDir folder;
  lora.write(folder / "adapter");
  return LoraAdapter::open(folder / "adapter");
}

// The error of opening; empty where it went well.
std::string problem_of(const TinyLora& lora) {
  try {
    open(lora);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(LoraConfig, TheScaleIsAlphaOverRankOrItsRoot) {
  Json json = good().config;
  EXPECT_EQ(parse(json).scale_of(kModule), 2.0f);
  json["use_rslora"] = true;
  EXPECT_EQ(parse(json).scale_of(kModule), 4.0f);
}

TEST(LoraConfig, PatternsGiveSingleModulesTheirOwnRankAndAlpha) {
  Json json = good().config;
  json["rank_pattern"] = {{"q_proj", 8}, {"^model.layers.1.mlp.up_proj", 2}};
  json["alpha_pattern"] = {{"layers.0.self_attn.q_proj", 32}};
  const LoraConfig config = parse(json);
  EXPECT_EQ(config.rank_of(kModule), 8u);
  EXPECT_EQ(config.scale_of(kModule), 4.0f);
  EXPECT_EQ(config.rank_of("model.layers.1.mlp.up_proj"), 2u);
  EXPECT_EQ(config.rank_of("other.model.layers.1.mlp.up_proj"), TinyLora::kRank);
  EXPECT_EQ(config.rank_of("model.layers.0.self_attn.k_proj"), TinyLora::kRank);
  EXPECT_EQ(config.rank_of("model.layers.0.self_attn.not_q_proj"), TinyLora::kRank);
}

TEST(LoraConfig, TwoPatternsThatDisagreeAreRefused) {
  Json json = good().config;
  json["rank_pattern"] = {{"q_proj", 8}, {"self_attn.q_proj", 16}};
  const LoraConfig config = parse(json);
  EXPECT_THROW(config.rank_of(kModule), Error);
}

TEST(LoraAdapter, ModulesAreNamedAsInTheBase) {
  const auto adapter = open(good().save("model.embed_tokens.weight", {40, 32}));
  ASSERT_EQ(adapter->pairs().size(), 2u);
  const LoraPair* pair = adapter->find_pair(std::string(kModule) + ".weight");
  ASSERT_NE(pair, nullptr);
  EXPECT_EQ(pair->scale, 2.0f);
  EXPECT_EQ(pair->a->view.shape, (Shape{4, 32}));
  EXPECT_EQ(pair->b->view.shape, (Shape{64, 4}));
  EXPECT_EQ(adapter->find_pair("model.layers.1.self_attn.q_proj.weight"), nullptr);
  EXPECT_NE(adapter->find_saved("model.embed_tokens.weight"), nullptr);
  EXPECT_EQ(adapter->find_saved("lm_head.weight"), nullptr);
  EXPECT_EQ(adapter->name(), "adapter");
}

TEST(LoraAdapter, NamesOfOlderVersionsMeanTheSame) {
  TinyLora lora = good();
  lora.find("q_proj.lora_A.weight").name = std::string(kModule) + ".lora_A.default.weight";
  lora.find("q_proj.lora_B.weight").name =
      "base_model.model." + std::string(kModule) + ".lora_B.default.weight";
  lora.save("model.embed_tokens.modules_to_save.weight", {40, 32});
  lora.save("lm_head.modules_to_save.default.weight", {40, 32});
  lora.save("lm_head.original_module.weight", {30, 32});
  const auto adapter = open(lora);
  EXPECT_NE(adapter->find_pair(std::string(kModule) + ".weight"), nullptr);
  EXPECT_NE(adapter->find_saved("model.embed_tokens.weight"), nullptr);
  ASSERT_NE(adapter->find_saved("lm_head.weight"), nullptr);
  EXPECT_EQ(adapter->find_saved("lm_head.weight")->view.shape, (Shape{40, 32}));
}

TEST(LoraAdapter, TorchFilesAreReadToo) {
  const test::TempDir folder;
  const TinyLora lora = good().write(folder.path());
  std::filesystem::remove(folder / "adapter_model.safetensors");
  test::TorchBuilder file;
  for (size_t i = 0; i < lora.tensors.size(); ++i) {
    const auto& t = lora.tensors[i];
    const auto rows = static_cast<int32_t>(t.shape[0]), cols = static_cast<int32_t>(t.shape[1]);
    file.pickle().text(t.name).tensor("FloatStorage", std::to_string(i), rows * cols, 0,
                                      {rows, cols}, {cols, 1});
    file.add_storage(std::to_string(i), test::plain_bytes(DType::kF32, t.values));
  }
  test::write_file(folder / "adapter_model.bin", file.bytes());
  EXPECT_EQ(LoraAdapter::open(folder.path())->pairs().size(), 2u);
}

TEST(LoraAdapter, ATargetMayBeARegularExpression) {
  TinyLora lora = good();
  lora.config["target_modules"] = ".*\\.(q_proj|down_proj)";
  EXPECT_EQ(problem_of(lora), "");
}

TEST(LoraAdapter, FoldersThatAreNoAdapterAreToldApart) {
  const test::TempDir folder;
  const auto problem = [&] {
    try {
      LoraAdapter::open(folder.path());
      return std::string();
    } catch (const Error& e) {
      return std::string(e.what());
    }
  };
  EXPECT_NE(problem().find("has no adapter_config.json"), std::string::npos);
  test::write_file(folder / "adapter_model.bin", "x");
  EXPECT_NE(problem().find("fetch adapter_config.json"), std::string::npos);
  test::write_file(folder / "config.json", "{}");
  EXPECT_NE(problem().find("whole model"), std::string::npos);
  std::filesystem::remove(folder / "adapter_model.bin");
  test::write_file(folder / "adapter_config.json", good().config.dump());
  EXPECT_NE(problem().find("neither adapter_model.safetensors"), std::string::npos);
  EXPECT_THROW(LoraAdapter::open(folder / "absent"), Error);
}

struct Bad {
  std::string claim;
  std::function<void(TinyLora&)> spoil;
  std::string expected;  // part of the error
};

void PrintTo(const Bad& bad, std::ostream* out) {
  *out << bad.claim;
}

class MalformedLora : public ::testing::TestWithParam<Bad> {};

TEST_P(MalformedLora, IsRefusedInOneLineThatNamesTheFile) {
  TinyLora lora = good();
  GetParam().spoil(lora);
  const std::string problem = problem_of(lora);
  EXPECT_NE(problem.find("adapter/adapter_"), std::string::npos) << problem;
  EXPECT_NE(problem.find(GetParam().expected), std::string::npos) << problem;
  EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
}

Bad setting(const std::string& key, const Json& value, const std::string& expected = "") {
  return {key + " = " + value.dump(), [=](TinyLora& lora) { lora.config[key] = value; },
          expected.empty() ? key : expected};
}

std::vector<Bad> malformed_settings() {
  return {
      setting("peft_type", "IA3"),
      setting("peft_type", nullptr),
      setting("peft_type", 1),
      setting("r", 0),
      setting("r", -8),
      setting("r", 8.5),
      setting("r", "8"),
      setting("r", uint64_t{1} << 63),
      setting("r", 8, "[8, in]"),
      setting("lora_alpha", 0),
      setting("lora_alpha", "16"),
      setting("lora_alpha", 1e30),
      setting("lora_alpha", nullptr),
      setting("bias", "all"),
      setting("bias", "lora_only"),
      setting("fan_in_fan_out", true),
      setting("use_dora", true),
      setting("lora_bias", true),
      setting("use_rslora", "yes"),
      setting("alora_invocation_tokens", {1, 2}),
      setting("trainable_token_indices", {5}),
      setting("layer_replication", {{0, 4}}),
      setting("init_lora_weights", "pissa_niter_16"),
      setting("init_lora_weights", "loftq"),
      setting("target_modules", Json::array()),
      setting("target_modules", {"q_proj"}, "down_proj.lora_A.weight"),
      setting("target_modules", {"q_proj", "down_proj", "w1"}, "module w1"),
      setting("target_modules", {1}),
      setting("rank_pattern", {{"q_proj", 0}}, "q_proj"),
      setting("rank_pattern", {{"q_proj", 8}}, "q_proj.lora_A.weight has shape [4, 32]"),
      setting("rank_pattern", {{".*_proj", 8}}, "regular expression"),
      setting("alpha_pattern", {{"q_proj", "x"}}, "q_proj"),
      setting("alpha_pattern", {1}),
      setting("modules_to_save", {{"a", 1}}),
  };
}

Bad change(std::string claim, std::function<void(TinyLora&)> spoil, std::string expected) {
  return {std::move(claim), std::move(spoil), std::move(expected)};
}

Bad extra(const std::string& name, const Shape& shape, const std::string& expected) {
  return change(
      "another tensor " + name, [=](TinyLora& l) { l.add(name, shape); }, expected);
}

Bad shape(size_t tensor, const Shape& shape, const std::string& expected) {
  return change(
      "tensor " + std::to_string(tensor) + " of shape " + to_string(shape),
      [=](TinyLora& l) {
        l.tensors[tensor].shape = shape;
        l.tensors[tensor].values.resize(element_count(shape, ""));
      },
      expected);
}

std::vector<Bad> malformed_tensors() {
  const std::string block = "base_model.model.model.layers.0.self_attn.q_proj.";
  return {
      change(
          "no field r", [](TinyLora& l) { l.config.erase("r"); }, "r: missing"),
      change(
          "no A", [](TinyLora& l) { l.tensors.erase(l.tensors.begin()); }, "has no lora_A"),
      change(
          "no B", [](TinyLora& l) { l.tensors.erase(l.tensors.begin() + 1); }, "has no lora_B"),
      change(
          "no tensor", [](TinyLora& l) { l.tensors.clear(); }, "holds no tensor"),
      shape(0, {128}, "has shape [128]"),
      shape(0, {8, 16}, "[4, in]"),
      shape(0, {4, 0}, "has shape [4, 0]"),
      shape(1, {4, 64}, "[out, 4]"),
      extra(block + "lora_A.default.weight", {4, 32}, "stands for the same"),
      extra(block + "lora_magnitude_vector", {64}, "lora_magnitude_vector"),
      extra("base_model.model.model.embed_tokens.lora_embedding_A", {4, 9}, "lora_embedding_A"),
      extra("base_model.model.lm_head.bias", {64}, "lm_head.bias"),
      extra(".lora_A.weight", {4, 4}, "lora_A"),
      extra("a\x1b[2J\n.bias", {4}, "\\x1b"),
  };
}

std::vector<Bad> malformed() {
  std::vector<Bad> all = malformed_settings();
  for (Bad& bad : malformed_tensors()) all.push_back(std::move(bad));
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, MalformedLora, ::testing::ValuesIn(malformed()));

TEST(LoraAdapter, DamagedFilesAreRefused) {
  const test::TempDir folder;
  good().write(folder.path());
  const std::string file = test::read_file(folder / "adapter_model.safetensors");
  for (size_t n = 0; n < file.size(); n += 97) {
    test::write_file(folder / "adapter_model.safetensors", file.substr(0, n));
    EXPECT_THROW(LoraAdapter::open(folder.path()), Error) << n;
  }
  const std::string config = test::read_file(folder / "adapter_config.json");
  for (size_t n = 0; n < config.size(); ++n) {
    test::write_file(folder / "adapter_config.json", config.substr(0, n));
    EXPECT_THROW(LoraAdapter::open(folder.path()), Error) << n;
  }
  test::write_file(folder / "adapter_config.json",
                   R"({"peft_type":"LORA","r":8,"lora_alpha":NaN})");
  EXPECT_THROW(LoraAdapter::open(folder.path()), Error);
}

}  // namespace
}  // namespace heng::checkpoint
