// Adapters on a base: the golden merges of Chinese-LLaMA-Alpaca, PEFT's own numbers, and that
// loading with adapters is the same as merging first, for every layout of the base's files.
#include <gtest/gtest.h>

#include <fstream>

#include "checkpoint/checkpoint.h"
#include "formats/format.h"
#include "heng/auto_model.h"
#include "heng/merge.h"
#include "support/golden.h"
#include "support/npy.h"
#include "support/tiny_llama.h"
#include "support/tiny_lora.h"
#include "support/tiny_model.h"

namespace heng {
namespace {

namespace fs = std::filesystem;
using test::TinyLlama;
using test::TinyLora;

const std::vector<TokenId> kIds = {1, 7, 3, 30, 12, 5, 0, 21};

std::vector<float> logits_of(const fs::path& base, const std::vector<fs::path>& loras,
                             Precision dtype = Precision::kAuto) {
  LoadOptions options;
  options.threads = 2;
  options.dtype = dtype;
  options.loras = loras;
  return Engine(Model::load(base, options)).logits(kIds);
}

std::string problem_of(const fs::path& base, const std::vector<fs::path>& loras) {
  try {
    logits_of(base, loras);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

std::string merge_problem(const fs::path& base, const std::vector<fs::path>& loras,
                          const fs::path& out, const MergeOptions& options = {}) {
  try {
    merge_loras(base, loras, out, options);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

float worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
  }
  return worst;
}

// Every linear layer of a TinyLlama, and what else is asked for.
TinyLora full_lora(const TinyLlama& m, DType dtype = DType::kF32) {
  TinyLora lora;
  const uint64_t kv = m.kv_heads * m.head_dim();
  for (uint64_t i = 0; i < m.layers; ++i) {
    const std::string block = "model.layers." + std::to_string(i) + ".";
    lora.pair(block + "self_attn.q_proj", m.hidden, m.hidden, dtype);
    lora.pair(block + "self_attn.k_proj", kv, m.hidden, dtype);
    lora.pair(block + "self_attn.v_proj", kv, m.hidden, dtype);
    lora.pair(block + "self_attn.o_proj", m.hidden, m.hidden, dtype);
    lora.pair(block + "mlp.gate_proj", m.ffn, m.hidden, dtype);
    lora.pair(block + "mlp.up_proj", m.ffn, m.hidden, dtype);
    lora.pair(block + "mlp.down_proj", m.hidden, m.ffn, dtype);
  }
  return lora;
}

TinyLlama small_llama() {
  TinyLlama m;
  m.kv_heads = 1;
  m.ffn = 192;
  m.layers = 2;
  return m.make();
}

class Lora : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(base());
    fs::create_directory(dir_ / "meta");
  }
  fs::path base() const { return dir_ / "base"; }
  fs::path lora(const std::string& name = "lora") const { return dir_ / name; }
  fs::path out() const { return dir_ / "out"; }

  test::TempDir dir_;
};

class GoldenMerge : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenMerge, WeightsAreUpstreamsBitForBit) {
  HENG_NEEDS_GOLDEN("ref/" + GetParam() + "/cases.json");
  const fs::path golden = test::golden_dir(), ref = golden / "ref" / GetParam();
  std::ifstream in(ref / "cases.json");
  const auto spec = nlohmann::json::parse(in);
  std::vector<fs::path> loras;
  for (const std::string name : spec["loras_in_order"]) loras.push_back(golden / "models" / name);
  const test::TempDir dir;
  const fs::path base = golden / "models" / std::string(spec["base"]);
  const MergeResult result = merge_loras(base, loras, dir / "out");
  EXPECT_EQ(result.vocabulary, spec["vocab_size"]);
  EXPECT_EQ(fs::path(result.tokenizer_from), loras.back());
  const auto merged = checkpoint::Checkpoint::open(dir / "out");
  size_t n_compared = 0;
  for (const auto& c : spec["cases"]) {
    if (c["kind"] != "merged_weight") continue;
    const auto* entry = merged->find(std::string(c["tensor"]));
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(entry->view.dtype, DType::kF16);
    const auto want = test::read_npy<float>(ref / c["array"]);
    std::vector<float> got(want.size());
    ASSERT_EQ(want.size(), element_count(entry->view.shape, "tensor"));
    formats::find_format(DType::kF16)->decode_row(entry->view.data, got.data(), got.size());
    EXPECT_EQ(want, got);
    ++n_compared;
  }
  EXPECT_EQ(n_compared, 2u);
}

INSTANTIATE_TEST_SUITE_P(ChineseAlpaca, GoldenMerge,
                         ::testing::Values("chinese_alpaca_llama", "chinese_alpaca_alpaca",
                                           "chinese_alpaca_llama_then_alpaca"));

// What PEFT makes of rank-stabilised scales, of ranks and alphas of single modules, and of a second
// adapter with a larger vocabulary. See tools/make_lora_golden.py.
TEST(LoraOfPeft, ScoresAndGreedyIdsAreItsOwn) {
  const fs::path data = fs::path(HENG_SOURCE_DIR) / "tests/engine/data/lora_tiny";
  const auto reference = nlohmann::json::parse(test::read_file(data / "reference.json"));
  LoadOptions options;
  options.threads = 2;
  options.loras = {data / "first", data / "second"};
  Engine engine(Model::load(data / "base", options));
  const std::vector<TokenId> ids = reference["input_ids"];
  const auto want = test::read_npy<float>(data / reference["logits"]);
  EXPECT_LT(worst_difference(engine.logits(ids), want), 1e-4f);
  Request request;
  request.prompt = ids;
  request.generation.max_new_tokens = 16;
  request.generation.ignore_eos = true;
  EXPECT_EQ(engine.run(request).ids, reference["new_ids"].get<std::vector<TokenId>>());
}

TEST_F(Lora, LoadingIsTheSameAsMergingFirst) {
  const TinyLlama model = small_llama();
  for (const DType stored : {DType::kF32, DType::kF16, DType::kBF16}) {
    fs::remove_all(out());
    model.write_hf(base(), stored);
    full_lora(model, DType::kF16).write(lora());
    TinyLora second = full_lora(model);
    second.seed = 900;
    second.save("model.embed_tokens.weight", {48, model.hidden});
    second.save("lm_head.weight", {48, model.hidden});
    second.save("model.layers.1.input_layernorm.weight", {model.hidden});
    second.write(lora("second"));
    const std::vector<fs::path> loras = {lora(), lora("second")};
    const MergeResult result = merge_loras(base(), loras, out());
    EXPECT_EQ(result.n_changed, 14u + 3u);
    EXPECT_EQ(result.vocabulary, 48);
    const auto merged = logits_of(out(), {});
    EXPECT_EQ(merged, logits_of(base(), loras)) << dtype_name(stored);
    EXPECT_EQ(merged.size(), kIds.size() * 48);
    EXPECT_NE(merged, logits_of(base(), {lora("second"), lora()}));
  }
}

TEST_F(Lora, AMergeInAnotherTypeConvertsTheBaseFirst) {
  const TinyLlama model = small_llama();
  model.write_hf(base(), DType::kBF16);
  full_lora(model).write(lora());
  MergeOptions options;
  options.dtype = Precision::kFp16;
  merge_loras(base(), {lora()}, out(), options);
  const auto merged = checkpoint::Checkpoint::open(out());
  for (const auto& entry : merged->tensors()) EXPECT_EQ(entry.view.dtype, DType::kF16);
  EXPECT_EQ(merged->config()["torch_dtype"], "float16");
}

// Base and adapters by the definition, one number at a time.
TEST_F(Lora, ADeltaIsRoundedBeforeItIsAdded) {
  const TinyLlama model = small_llama();
  model.write_hf(base(), DType::kF16);
  const TinyLora adapter = full_lora(model).write(lora());
  merge_loras(base(), {lora()}, out());
  const auto merged = checkpoint::Checkpoint::open(out());
  const std::string name = "model.layers.1.mlp.down_proj";
  const auto& a = adapter.tensors[26].values;
  const auto& b = adapter.tensors[27].values;
  ASSERT_EQ(adapter.tensors[26].name, "base_model.model." + name + ".lora_A.weight");
  const auto w = std::find_if(model.tensors.begin(), model.tensors.end(),
                              [&](const auto& t) { return t.name == name + ".weight"; });
  const auto got = test::plain_floats(merged->find(name + ".weight")->view);
  for (size_t row = 0; row < model.hidden; ++row) {
    for (size_t col = 0; col < model.ffn; ++col) {
      float sum = 0;
      for (size_t r = 0; r < TinyLora::kRank; ++r) {
        sum += b[row * TinyLora::kRank + r] * a[r * model.ffn + col];
      }
      const float delta = half_to_float(float_to_half(sum * 2.0f));
      const float base = half_to_float(float_to_half(w->values[row * model.ffn + col]));
      ASSERT_EQ(got[row * model.ffn + col], half_to_float(float_to_half(base + delta)));
    }
  }
}

TEST_F(Lora, MetaFoldersTakeAdaptersOfTheHuggingFaceLayout) {
  const TinyLlama model = small_llama();
  model.write_hf(base());
  full_lora(model).write(lora());
  const auto want = logits_of(base(), {lora()});
  model.write_meta(dir_ / "meta", 1);
  const auto got = logits_of(dir_ / "meta", {lora()});
  // Only the norms' epsilon differs.
  EXPECT_LT(worst_difference(got, want), 2e-3f);
  EXPECT_GT(worst_difference(got, logits_of(dir_ / "meta", {})), 0.1f);
}

TEST_F(Lora, FusedMatricesOfQwenGetTheirOwnRows) {
  const auto& all = models::all_architectures();
  const auto qwen =
      std::find_if(all.begin(), all.end(), [](const auto* a) { return a->name == "qwen"; });
  const test::TinyModel model(**qwen);
  model.write(base(), DType::kBF16);
  TinyLora adapter;
  for (size_t i = 0; i < test::TinyModel::kLayers; ++i) {
    const std::string block = "transformer.h." + std::to_string(i) + ".";
    adapter.pair(block + "attn.c_attn", 96, 32).pair(block + "attn.c_proj", 32, 32);
    adapter.pair(block + "mlp.w1", 48, 32).pair(block + "mlp.w2", 48, 32);
    adapter.pair(block + "mlp.c_proj", 32, 48);
  }
  adapter.config["target_modules"] = {"c_attn", "attn.c_proj", "w1", "w2", "mlp.c_proj"};
  adapter.config["modules_to_save"] = {"wte", "lm_head"};
  adapter.save("transformer.wte.weight", {512, 32}).save("lm_head.weight", {512, 32});
  adapter.write(lora());
  merge_loras(base(), {lora()}, out());
  EXPECT_EQ(logits_of(out(), {}), logits_of(base(), {lora()}));
  const auto merged = checkpoint::Checkpoint::open(out());
  EXPECT_EQ(merged->find("transformer.h.1.attn.c_attn.weight")->view.shape, (Shape{96, 32}));
  EXPECT_EQ(merged->find("transformer.wte.weight")->view.dtype, DType::kBF16);
  EXPECT_TRUE(fs::exists(out() / "qwen.tiktoken"));
}

TEST_F(Lora, ShardsAreCutAndIndexed) {
  const TinyLlama model = small_llama();
  model.write_hf(base());
  full_lora(model).write(lora());
  MergeOptions options;
  options.shard_bytes = 100'000;
  const MergeResult result = merge_loras(base(), {lora()}, out(), options);
  EXPECT_GT(result.n_weight_files, 2u);
  const auto merged = checkpoint::Checkpoint::open(out());
  EXPECT_EQ(merged->file_count(), result.n_weight_files);
  EXPECT_EQ(merged->tensor_bytes(), result.weight_bytes);
  EXPECT_EQ(logits_of(out(), {}), logits_of(base(), {lora()}));
  for (const auto& item : fs::directory_iterator(dir_.path())) {
    EXPECT_FALSE(item.path().filename().string().starts_with(".")) << item.path();
  }
}

TEST_F(Lora, StoppingLeavesNothingBehind) {
  const TinyLlama model = small_llama();
  model.write_hf(base());
  full_lora(model).write(lora());
  MergeOptions options;
  options.on_progress = [](uint64_t done, uint64_t total) { return done < total / 2; };
  EXPECT_HAS(merge_problem(base(), {lora()}, out(), options), "stopped");
  EXPECT_FALSE(fs::exists(out()));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 3);
}

TEST_F(Lora, AFolderThatIsThereIsNotWrittenInto) {
  const TinyLlama model = small_llama();
  model.write_hf(base());
  full_lora(model).write(lora());
  EXPECT_HAS(merge_problem(base(), {lora()}, base()), "not empty");
  EXPECT_HAS(merge_problem(base(), {}, out()), "--lora");
}

TEST_F(Lora, BasesThatCannotBeWrittenAreRefusedWithAWayOut) {
  TinyLlama model = small_llama();
  model.write_meta(dir_ / "meta", 1);
  full_lora(model).write(lora());
  EXPECT_HAS(merge_problem(dir_ / "meta", {lora()}, out()), "no Hugging Face folder");
  model.config["quantization_config"] = {{"quant_method", "gptq"}, {"bits", 4}};
  model.write_hf(base());
  EXPECT_HAS(merge_problem(base(), {lora()}, out()), "is quantised");
}

TEST_F(Lora, AdaptersOfAnotherBaseAreRefusedNamingIt) {
  const TinyLlama model = small_llama();
  model.write_hf(base());
  const auto problem = [&](const std::function<void(TinyLora&)>& spoil) {
    TinyLora adapter = full_lora(model);
    spoil(adapter);
    adapter.write(lora());
    const std::string text = problem_of(base(), {lora()});
    EXPECT_HAS(text, "lora/adapter_model.safetensors: tensor base_model.model.");
    EXPECT_HAS(text, "somebody/tiny-base");
    EXPECT_EQ(text, merge_problem(base(), {lora()}, out()));
    EXPECT_FALSE(fs::exists(out()));
    return text;
  };
  EXPECT_HAS(problem([&](TinyLora& l) { l.pair("model.layers.2.mlp.up_proj", 192, 64); }),
             "no place in the base");
  EXPECT_HAS(problem([&](TinyLora& l) { l.pair("model.layers.0.mlp.w1", 192, 64); }),
             "no place in the base");
  EXPECT_HAS(problem([&](TinyLora& l) { l.save("model.layers.9.norm.weight", {64}); }),
             "no place in the base");
  EXPECT_HAS(problem([&](TinyLora& l) {
               auto& a = l.find("layers.0.self_attn.q_proj.lora_A.weight");
               a.shape = {4, 32};
               a.values.resize(128);
             }),
             "has shape [4, 32], expected [4, 64]");
  EXPECT_HAS(problem([&](TinyLora& l) {
               auto& b = l.find("layers.0.self_attn.k_proj.lora_B.weight");
               b.shape = {64, 4};
               b.values.resize(256);
             }),
             "has shape [64, 4], expected [32, 4]");
  EXPECT_HAS(problem([&](TinyLora& l) {
               l.save("model.embed_tokens.weight", {48, 64});
             }),
             "same vocabulary");
  EXPECT_HAS(problem([&](TinyLora& l) { l.save("lm_head.weight", {48, 64}); }), "same vocabulary");
  EXPECT_HAS(problem([&](TinyLora& l) {
               l.save("lm_head.weight", {32, 48});
             }),
             "expected [vocabulary, 64]");
}

TEST_F(Lora, ValuesThatAreNotFiniteAreRefused) {
  const TinyLlama model = small_llama();
  model.write_hf(base(), DType::kF16);
  TinyLora adapter = full_lora(model);
  adapter.find("layers.1.mlp.up_proj.lora_B.weight").values[3] = 1e30f;
  adapter.write(lora());
  EXPECT_HAS(merge_problem(base(), {lora()}, out()), "up_proj");
  EXPECT_HAS(problem_of(base(), {lora()}), "not finite");
  EXPECT_FALSE(fs::exists(out()));
}

TEST_F(Lora, ATokenizerWithMoreTokensThanRowsIsRefused) {
  const auto& all = models::all_architectures();
  const auto qwen =
      std::find_if(all.begin(), all.end(), [](const auto* a) { return a->name == "qwen"; });
  test::TinyModel model(**qwen);
  model.write(base());
  TinyLora adapter;
  adapter.pair("transformer.h.0.attn.c_attn", 96, 32).write(lora());
  std::string ranks;  // 600 tokens: more than the base has rows
  for (int i = 0; i < 600; ++i) {
    const std::string token =
        i < 256 ? std::string(1, static_cast<char>(i)) : "t" + std::to_string(i);
    ranks += test::base64(token) + " " + std::to_string(i) + "\n";
  }
  test::write_file(lora() / "qwen.tiktoken", ranks);
  for (const std::string& text :
       {problem_of(base(), {lora()}), merge_problem(base(), {lora()}, out())}) {
    EXPECT_HAS(text, "modules_to_save");
    EXPECT_HAS(text, "somebody/tiny-base");
  }
}

// 49,954 rows are Chinese-Alpaca's, whatever the base's configuration says.
TEST(LoraOfAlpaca, TheChatFormatIsThatOfTheWhole) {
  HENG_NEEDS_GOLDEN("ref/chinese_alpaca_alpaca/cases.json");
  const fs::path folder = test::golden_dir() / "models/chinese_alpaca";
  const fs::path base = folder / "base_llama_hf_fp16", lora = folder / "lora_alpaca";
  EXPECT_THROW(AutoChatFormat::from_pretrained(base), Error);
  EXPECT_EQ(AutoChatFormat::from_pretrained(base, "", {lora})->name(), "chinese-alpaca");
  LoadOptions options;
  options.loras = {lora};
  EXPECT_EQ(Model::load(base, options)->chat_format().name(), "chinese-alpaca");
  EXPECT_EQ(AutoTokenizer::from_pretrained(base, {lora})->size(), 49954u);
}

TEST_F(Lora, InfoNamesAdaptersAndCountsTheirMemory) {
  const TinyLlama model = small_llama();
  model.write_hf(base(), DType::kF16);
  TinyLora adapter = full_lora(model);
  adapter.save("model.embed_tokens.weight", {64, 64}).save("lm_head.weight", {64, 64});
  adapter.write(lora());
  LoadOptions options;
  const ModelInfo plain = Model::inspect(base(), options);
  options.loras = {lora()};
  const ModelInfo info = Model::inspect(base(), options);
  ASSERT_EQ(info.loras.size(), 1u);
  EXPECT_EQ(info.loras[0].name, "lora");
  EXPECT_EQ(info.loras[0].base_model, "somebody/tiny-base");
  EXPECT_EQ(info.loras[0].rank, 4u);
  EXPECT_EQ(info.loras[0].n_matrices, 14u);
  EXPECT_EQ(info.vocabulary, 64);
  EXPECT_EQ(info.weight_bytes, plain.weight_bytes + 2 * 32 * 64 * 2);
  EXPECT_HAS(describe(info), "base + lora");
}

}  // namespace
}  // namespace heng
