// GPTQ and AWQ folders made here, of every kind that is read: their numbers are those of the same
// model with plain weights, and what is wrong with a folder is named.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "engine/loaded_model.h"
#include "heng/engine.h"
#include "support/tiny_lora.h"
#include "support/tiny_packed.h"

namespace heng {
namespace {

using test::Packing;
using test::TinyPacked;

constexpr const char* kDown = "model.layers.0.mlp.down_proj";
constexpr const char* kModule = "model.layers.0.mlp.down_proj.";  // 384 inputs, 256 outputs

struct Setting {
  Precision dtype = Precision::kAuto;
  BackendKind backend = BackendKind::kFast;
  int threads = 2;
  size_t steps = 0;
  std::vector<std::filesystem::path> loras = {};
};

std::shared_ptr<const Model> load(const std::filesystem::path& folder, const Setting& run) {
  LoadOptions options;
  options.dtype = run.dtype;
  options.backend = run.backend;
  options.threads = run.threads;
  options.loras = run.loras;
  return Model::load(folder, options);
}

std::vector<float> scores(const std::filesystem::path& folder, const Setting& run) {
  std::vector<TokenId> ids(30);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i * 7 % 32);
  return Engine(load(folder, run)).logits(ids, run.steps);
}

double relative_difference(const std::vector<float>& want, const std::vector<float>& got) {
  EXPECT_EQ(want.size(), got.size());
  double square = 0, error = 0;
  for (size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
    square += double{want[i]} * want[i];
    error += (double{want[i]} - got[i]) * (double{want[i]} - got[i]);
  }
  return std::sqrt(error / square);
}

// The error of loading; empty where it went well.
std::string problem_of(const TinyPacked& model, const std::string& file = "config.json") {
  const test::TempDir folder;
  model.write(folder.path(), file);
  try {
    load(folder.path(), {});
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

std::string name_of(const ::testing::TestParamInfo<Packing>& info) {
  const Packing& p = info.param;
  const std::string group = p.group < 0 ? "row" : std::to_string(p.group);
  return p.method + std::to_string(p.bits) + "_" + group + (p.act_order ? "_act_order" : "") +
         (p.v2 ? "_v2" : "");
}

class PackedModel : public ::testing::TestWithParam<Packing> {};

INSTANTIATE_TEST_SUITE_P(Kind, PackedModel,
                         ::testing::Values(Packing{}, Packing{.bits = 8}, Packing{.group = 32},
                                           Packing{.group = 64}, Packing{.bits = 8, .group = 32},
                                           Packing{.group = -1}, Packing{.act_order = true},
                                           Packing{.bits = 8, .act_order = true},
                                           Packing{.group = 32, .act_order = true},
                                           Packing{.v2 = true}, Packing{.method = "awq"},
                                           Packing{.method = "awq", .group = 64},
                                           Packing{.method = "awq", .group = -1}),
                         name_of);

TEST_P(PackedModel, ConvertedToFp32ItIsThePlainModelBitForBit) {
  const test::TempDir folder, plain;
  const TinyPacked model(GetParam());
  model.write(folder.path());
  model.plain.write_hf(plain.path());
  const auto want = scores(plain.path(), {});
  EXPECT_EQ(scores(folder.path(), {.dtype = Precision::kFp32}), want);
  EXPECT_EQ(scores(folder.path(), {.dtype = Precision::kFp32, .threads = 3, .steps = 9}), want);
}

TEST_P(PackedModel, AsStoredItStaysNear) {
  const test::TempDir folder, plain;
  const TinyPacked model(GetParam());
  model.write(folder.path());
  model.plain.write_hf(plain.path());
  const auto want = scores(plain.path(), {});
  // The fast path rounds activations to 15 bits and the cache to fp16; the reference the cache
  // alone.
  EXPECT_LT(relative_difference(want, scores(folder.path(), {})), 2e-3);
  const Setting reference{.backend = BackendKind::kReference};
  EXPECT_LT(relative_difference(want, scores(folder.path(), reference)), 2e-3);
}

TEST_P(PackedModel, ThreadsAndChunksDoNotChangeABit) {
  const test::TempDir folder;
  TinyPacked(GetParam()).write(folder.path());
  const auto want = scores(folder.path(), {.threads = 1});
  EXPECT_EQ(scores(folder.path(), {.threads = 3}), want);
  EXPECT_EQ(scores(folder.path(), {.steps = 20}), want);
}

// The sums are rounded to fp16 on the packed base alone.
TEST(PackedModels, AdaptersOnActOrderAreThoseOnThePlainModel) {
  const test::TempDir folder, plain, adapter;
  const TinyPacked model({.act_order = true});
  model.write(folder.path());
  model.plain.write_hf(plain.path());
  test::TinyLora lora;
  lora.pair("model.layers.0.self_attn.q_proj", 256, 256).pair(std::string(kDown), 256, 384);
  lora.write(adapter.path());
  for (const BackendKind backend : {BackendKind::kFast, BackendKind::kReference}) {
    const Setting with{.backend = backend, .loras = {adapter.path()}};
    const auto want = scores(plain.path(), with);
    EXPECT_GT(relative_difference(want, scores(plain.path(), {})), 0.1);
    EXPECT_LT(relative_difference(want, scores(folder.path(), with)), 5e-3);
    Setting fp32 = with;
    fp32.dtype = Precision::kFp32;
    EXPECT_LT(relative_difference(want, scores(folder.path(), fp32)), 5e-3);
  }
}

TEST(PackedModels, MatricesOfOneInputShareItsOrder) {
  const test::TempDir folder;
  TinyPacked model({.act_order = true});
  const std::string layer = "model.layers.0.self_attn.";
  // As GPTQ makes it: what has the same inputs is sorted alike.
  for (const char* part : {"q_proj", "k_proj"}) {
    model.find(layer + part + ".g_idx").bytes = model.find(layer + "v_proj.g_idx").bytes;
  }
  model.write(folder.path());
  const auto loaded = std::dynamic_pointer_cast<const engine::LoadedModel>(load(folder.path(), {}));
  const models::LayerWeights& w = loaded->weights.layers[0];
  ASSERT_NE(w.q.input_order, nullptr);
  EXPECT_EQ(w.q.input_order, w.k.input_order);
  EXPECT_EQ(w.q.input_order, w.v.input_order);
  EXPECT_NE(w.q.input_order, w.o.input_order);
  EXPECT_NE(w.gate.input_order, w.up.input_order);
}

TEST(PackedModels, QuantizeConfigBesideConfigIsRead) {
  const test::TempDir folder, other;
  TinyPacked model({.act_order = true});
  model.write(folder.path());
  model.quantization.erase("quant_method");  // which AutoGPTQ did not write there
  model.write(other.path(), "quantize_config.json", "gptq_model-4bit-128g.safetensors");
  EXPECT_EQ(scores(other.path(), {}), scores(folder.path(), {}));
}

TEST(PackedModels, InfoSaysHowWeightsAreStoredAndWhatTheyTake) {
  const test::TempDir folder;
  const TinyPacked model({.act_order = true});
  model.write(folder.path());
  const ModelInfo info = Model::inspect(folder.path());
  EXPECT_EQ(info.stored_as, "gptq int4, group 128, act-order");
  EXPECT_EQ(info.computed_as, "int4");
  uint64_t packed = 0, plain = 0;
  for (const auto& t : model.plain.tensors) {
    const uint64_t n = t.values.size();
    t.name.ends_with("_proj.weight") ? packed += n : plain += n;
  }
  // 1024 bytes of integers, 32 of scales and 16 of zeros for 16 rows of 128.
  EXPECT_EQ(info.weight_bytes, packed / 2048 * (1024 + 32 + 16) + plain * sizeof(float));

  const test::TempDir awq;
  TinyPacked({.method = "awq", .group = -1}).write(awq.path());
  EXPECT_EQ(Model::inspect(awq.path()).stored_as, "awq int4, one group a row");
}

TEST(PackedModels, ModulesThatAreStoredPlainAreRead) {
  const test::TempDir folder, plain;
  TinyPacked model({.method = "awq"});
  const std::string module = "model.layers.0.mlp.down_proj.";
  for (const char* part : {"qweight", "qzeros", "scales"}) model.packed.erase(module + part);
  const auto& weights = model.plain.tensors;
  const auto down = std::find_if(weights.begin(), weights.end(),
                                 [&](const auto& t) { return t.name == module + "weight"; });
  model.packed[down->name] = {"F32", down->shape, test::plain_bytes(DType::kF32, down->values)};
  model.quantization["modules_to_not_convert"] = {"down_proj"};
  model.write(folder.path());
  model.plain.write_hf(plain.path());
  EXPECT_EQ(scores(folder.path(), {.dtype = Precision::kFp32}), scores(plain.path(), {}));
}

TEST(PackedModels, GroupIndicesThatWereNeverFilledMeanGroupsInOrder) {
  TinyPacked model({});
  const test::TempDir folder, plain;
  for (auto& [name, t] : model.packed) {
    if (name.ends_with("g_idx")) t.bytes.assign(t.bytes.size(), '\0');
  }
  model.write(folder.path());
  model.plain.write_hf(plain.path());
  EXPECT_EQ(scores(folder.path(), {.dtype = Precision::kFp32}), scores(plain.path(), {}));
  model.quantization["desc_act"] = true;
  EXPECT_NE(problem_of(model).find("gives group 0 "), std::string::npos) << problem_of(model);
}

TEST(PackedModels, SettingsThatAreNotReadAreNamed) {
  struct Case {
    std::string method, key;
    Json value;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {"gptq", "bits", 3, "quantization_config.bits is 3, expected 4 or 8"},
      {"gptq", "bits", 2, "quantization_config.bits is 2, expected 4 or 8"},
      {"gptq", "bits", "4", "quantization_config.bits"},
      {"gptq", "group_size", 0, "group_size is 0, expected -1 or a multiple of 32"},
      {"gptq", "group_size", 48, "group_size is 48"},
      {"gptq", "group_size", 4294967296, "quantization_config.group_size"},
      {"gptq", "group_size", nullptr, "quantization_config.group_size"},
      {"gptq", "checkpoint_format", "marlin", "checkpoint_format is \"marlin\""},
      {"gptq", "is_marlin_format", true, "is_marlin_format is true"},
      {"gptq", "pack_dtype", "int64", "pack_dtype is \"int64\""},
      {"gptq", "dynamic", {{"+:.*down.*", {{"bits", 8}}}}, "dynamic gives modules bits"},
      {"awq", "bits", 8, "quantization_config.bits is 8, expected 4"},
      {"awq", "version", "gemv", "version is \"gemv\", expected \"gemm\""},
      {"awq", "backend", "llm-awq", "backend is \"llm-awq\", expected \"autoawq\""},
      {"awq", "quant_method", "bitsandbytes", "quant_method \"bitsandbytes\" is not supported"},
      {"awq", "quant_method", "fp8", "gptq, awq"}};
  for (const Case& c : cases) {
    TinyPacked model({.method = c.method});
    model.quantization[c.key] = c.value;
    const std::string problem = problem_of(model);
    EXPECT_NE(problem.find(c.expected), std::string::npos) << c.key << ": " << problem;
    EXPECT_EQ(problem.find("config.json"), 0u) << problem;
  }
  TinyPacked model({});
  model.quantization["bits"] = 3;
  EXPECT_EQ(problem_of(model, "quantize_config.json").find("quantize_config.json: bits is 3"), 0u);
  model = TinyPacked({.method = "awq"});
  model.quantization["version"] = "GEMM";
  model.quantization["dynamic"] = {{"-:.*", Json::object()}};
  EXPECT_EQ(problem_of(model), "");
}

// Any other value of any setting: loads, or one line says what is wrong. Never a crash.
TEST(PackedModels, EverySettingWithAnyOtherValueIsHandled) {
  const Json values[] = {nullptr, true, "x", Json::array(), Json::object(), -1,  0,
                         1,       1.5,  32,  1000000007,    1ull << 53,     1e30};
  size_t refused = 0;
  for (const std::string method : {"gptq", "awq"}) {
    const TinyPacked whole({.method = method, .act_order = method == "gptq"});
    for (const auto& [key, right] : whole.quantization.items()) {
      for (const Json& value : values) {
        TinyPacked model = whole;
        model.quantization[key] = value;
        const std::string problem = problem_of(model);
        const bool named = problem.find("quantization_config." + key) != std::string::npos ||
                           problem.find("tensor ") != std::string::npos;
        EXPECT_TRUE(problem.empty() || named) << key << " = " << value << ": " << problem;
        refused += !problem.empty();
      }
    }
  }
  EXPECT_GE(refused, 60u);
}

TEST(PackedModels, AMissingTensorIsNamed) {
  for (const std::string method : {"gptq", "awq"}) {
    for (const std::string part : {"qweight", "qzeros", "scales"}) {
      TinyPacked model({.method = method});
      model.packed.erase(kModule + part);
      EXPECT_NE(problem_of(model).find(kModule + part + " is missing"), std::string::npos);
    }
  }
  TinyPacked model({.act_order = true});
  model.packed.erase(std::string(kModule) + "g_idx");
  EXPECT_NE(problem_of(model).find("down_proj.g_idx is missing"), std::string::npos);
  for (const char* part : {"qweight", "qzeros", "scales", "bias"}) {
    model.packed.erase(std::string(kModule) + part);
  }
  EXPECT_NE(problem_of(model).find("and so is model.layers.0.mlp.down_proj.weight"),
            std::string::npos);
}

TEST(PackedModels, AMisshapenTensorIsNamedWithBothShapes) {
  for (const std::string method : {"gptq", "awq"}) {
    for (const std::string part : {"qweight", "qzeros", "scales", "g_idx"}) {
      if (method == "awq" && part == "g_idx") continue;
      TinyPacked model({.method = method});
      auto& t = model.find(kModule + part);
      const Shape was = t.shape;
      t.shape[0] += 1;
      t.bytes += std::string(t.bytes.size() / was[0], '\0');
      const std::string problem = problem_of(model);
      for (const std::string& piece : {kModule + part, to_string(was), to_string(t.shape)}) {
        EXPECT_NE(problem.find(piece), std::string::npos) << piece << ": " << problem;
      }
    }
  }
}

TEST(PackedModels, IntegersOfOtherBitsThanTheConfigurationSaysAreNamed) {
  TinyPacked model({.bits = 8});
  model.quantization["bits"] = 4;
  const std::string problem = problem_of(model);
  EXPECT_NE(problem.find("integers of 8 bits, expected 4 bits"), std::string::npos) << problem;
}

TEST(PackedModels, TensorsOfOtherTypesAreNamed) {
  for (const std::string part : {"qweight", "qzeros", "g_idx", "scales"}) {
    TinyPacked model({});
    auto& t = model.find(kModule + part);
    t.dtype = part == "scales" ? "I16" : "F32";
    const std::string problem = problem_of(model);
    EXPECT_NE(problem.find(kModule + part + " is "), std::string::npos) << problem;
  }
}

TEST(PackedModels, GroupsThatDoNotFitAreNamed) {
  TinyPacked model({});
  model.quantization["group_size"] = 160;
  EXPECT_NE(problem_of(model).find("expected a multiple of 160"), std::string::npos);

  model = TinyPacked({.act_order = true});
  auto& g_idx = model.find(std::string(kModule) + "g_idx");
  const auto set = [&](size_t input, int32_t group) {
    std::memcpy(g_idx.bytes.data() + 4 * input, &group, 4);
  };
  for (const int32_t group : {3, -1, 1 << 30}) {
    set(17, group);
    const std::string problem = problem_of(model);
    EXPECT_NE(problem.find("input 17 is of group " + std::to_string(group) + ", expected below 3"),
              std::string::npos)
        << problem;
  }
  for (size_t i = 0; i < 384; ++i) set(i, i < 100 ? 0 : 1 + static_cast<int32_t>(i % 2));
  EXPECT_NE(problem_of(model).find("gives group 0 100 inputs, expected 128"), std::string::npos);
}

TEST(PackedModels, ScalesThatAreNoNumbersOrNotOfFp16AreNamed) {
  TinyPacked model({});
  auto& scales = model.find(std::string(kModule) + "scales");
  const uint16_t infinity = 0x7c00;
  std::memcpy(scales.bytes.data() + 100, &infinity, 2);
  EXPECT_NE(problem_of(model).find("down_proj.scales: holds a value that is not finite"),
            std::string::npos);

  model = TinyPacked({});
  auto& wide = model.find(std::string(kModule) + "scales");
  wide.dtype = "F32";
  wide.bytes = test::plain_bytes(DType::kF32, std::vector<float>(3 * 256, 0.1f));
  EXPECT_NE(problem_of(model).find("scale that fp16 cannot hold"), std::string::npos);
  wide.bytes = test::plain_bytes(DType::kF32, std::vector<float>(3 * 256, 0.125f));
  EXPECT_EQ(problem_of(model), "");
}

TEST(PackedModels, ABiasThatIsNotZeroIsRefused) {
  TinyPacked model({});
  model.find(std::string(kModule) + "bias").bytes[1] = 0x3c;
  EXPECT_NE(problem_of(model).find("down_proj.bias has no place"), std::string::npos);
}

TEST(PackedModels, PackedTensorsWithoutSettingsSayWhatIsMissing) {
  const test::TempDir folder;
  TinyPacked({}).write(folder.path(), "elsewhere.json");
  try {
    load(folder.path(), {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("quantization_config"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace heng
