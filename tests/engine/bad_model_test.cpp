// Configurations that contradict the tensors, tensors that are missing, misshapen or not finite:
// one line that names the file and the field or tensor, never a crash.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "heng/engine.h"
#include "support/file_bytes.h"
#include "support/random.h"
#include "support/safetensors_builder.h"
#include "support/tiny_tokenizer.h"

namespace heng {
namespace {

constexpr uint64_t kHidden = 32, kFfn = 48, kVocabulary = 512, kLayers = 2;

struct Tensor {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

// A tiny Qwen folder in parts, to be changed before it is written.
struct TinyQwen {
  Json config = {{"architectures", {"QWenLMHeadModel"}},
                 {"model_type", "qwen"},
                 {"vocab_size", kVocabulary},
                 {"hidden_size", kHidden},
                 {"intermediate_size", 2 * kFfn},
                 {"num_hidden_layers", kLayers},
                 {"num_attention_heads", 2},
                 {"kv_channels", 16},
                 {"layer_norm_epsilon", 1e-6},
                 {"rotary_emb_base", 10000},
                 {"rotary_pct", 1.0},
                 {"seq_length", 64},
                 {"max_position_embeddings", 256},
                 {"use_dynamic_ntk", true},
                 {"use_logn_attn", true},
                 {"no_bias", true}};
  std::vector<Tensor> tensors;

  TinyQwen() {
    add("transformer.wte.weight", {kVocabulary, kHidden});
    for (uint64_t i = 0; i < kLayers; ++i) {
      const std::string h = "transformer.h." + std::to_string(i) + ".";
      add(h + "ln_1.weight", {kHidden});
      add(h + "attn.c_attn.weight", {3 * kHidden, kHidden});
      add(h + "attn.c_attn.bias", {3 * kHidden});
      add(h + "attn.c_proj.weight", {kHidden, kHidden});
      add(h + "ln_2.weight", {kHidden});
      add(h + "mlp.w1.weight", {kFfn, kHidden});
      add(h + "mlp.w2.weight", {kFfn, kHidden});
      add(h + "mlp.c_proj.weight", {kHidden, kFfn});
    }
    add("transformer.ln_f.weight", {kHidden});
    add("lm_head.weight", {kVocabulary, kHidden});
  }

  void add(const std::string& name, const Shape& shape) {
    const auto seed = static_cast<uint32_t>(tensors.size());
    tensors.push_back({name, shape, test::normal_floats(element_count(shape, name), seed, 0.1f)});
  }

  void write(const std::filesystem::path& folder, DType dtype = DType::kF32) const {
    test::SafetensorsBuilder file;
    for (const Tensor& t : tensors) file.add(t.name, t.shape, t.values, dtype);
    file.write(folder / "model.safetensors");
    test::write_file(folder / "config.json", config.dump());
    test::write_tiny_tokenizer(folder);
  }
};

// The error of loading and of one token; empty where both went well.
std::string problem_of(const TinyQwen& model, DType dtype = DType::kF32) {
  const test::TempDir folder;
  model.write(folder.path(), dtype);
  LoadOptions options;
  options.threads = 1;
  try {
    Engine engine(Model::load(folder.path(), options));
    const TokenId id = 1;
    const auto scores = engine.logits({&id, 1});
    for (const float x : scores) EXPECT_TRUE(std::isfinite(x));
    return "";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()), "");
    return e.what();
  }
}

TEST(BadModel, TheTinyModelItselfIsRight) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    EXPECT_EQ(problem_of({}, dtype), "");
  }
}

TEST(BadModel, EveryFieldWithAnyOtherValueIsNamedOrHarmless) {
  const Json values[] = {
      nullptr, true, false, "x", "",         Json::array(), Json::object(), -1,    0,    1,
      3,       1.5,  -0.5,  17,  1000000007, 1ull << 31,    1ull << 53,     ~0ull, 1e30, 1e-30};
  // A change of these cannot contradict a tensor.
  const std::set<std::string> free = {
      "model_type",      "layer_norm_epsilon", "rotary_emb_base",
      "rotary_pct",      "seq_length",         "max_position_embeddings",
      "use_dynamic_ntk", "use_logn_attn",      "no_bias"};
  size_t refused = 0;
  const TinyQwen whole;
  for (const auto& [key, right] : whole.config.items()) {
    for (const Json& value : values) {
      if (value == right) continue;
      TinyQwen model;
      model.config[key] = value;
      const std::string problem = problem_of(model);
      const bool names = problem.find("config.json") != std::string::npos ||
                         problem.find("tensor transformer.") != std::string::npos ||
                         problem.find("tensor lm_head") != std::string::npos ||
                         problem.find("GiB") != std::string::npos;
      EXPECT_TRUE(names || (problem.empty() && free.contains(key)))
          << key << " = " << value << ": " << problem;
      refused += !problem.empty();
    }
  }
  EXPECT_GE(refused, 200u);
}

TEST(BadModel, AMissingTensorIsNamed) {
  const size_t n = TinyQwen().tensors.size();
  for (size_t i = 0; i < n; ++i) {
    TinyQwen model;
    const std::string name = model.tensors[i].name;
    model.tensors.erase(model.tensors.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_NE(problem_of(model).find(name), std::string::npos) << name;
  }
}

TEST(BadModel, AMisshapenTensorIsNamedWithBothShapes) {
  const size_t n = TinyQwen().tensors.size();
  for (size_t i = 0; i < n; ++i) {
    TinyQwen model;
    Tensor& t = model.tensors[i];
    const Shape right = t.shape;
    t.shape[0] += 1;
    t.values = test::normal_floats(element_count(t.shape, t.name), 1);
    const std::string problem = problem_of(model);
    EXPECT_NE(problem.find(t.name), std::string::npos) << problem;
    EXPECT_NE(problem.find(to_string(right)), std::string::npos) << problem;
    EXPECT_NE(problem.find(to_string(t.shape)), std::string::npos) << problem;
  }
}

TEST(BadModel, OneValueThatIsNotFiniteIsFoundInEveryTensor) {
  const size_t n = TinyQwen().tensors.size();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      for (size_t i = 0; i < n; ++i) {
        TinyQwen model;
        Tensor& t = model.tensors[i];
        t.values[t.values.size() / 3] = bad;
        EXPECT_NE(problem_of(model, dtype).find(t.name), std::string::npos) << t.name;
      }
    }
  }
}

TEST(BadModel, AnUnknownArchitectureIsNamedWithWhatIsSupported) {
  TinyQwen model;
  model.config["architectures"] = {"MambaForCausalLM"};
  const std::string problem = problem_of(model);
  EXPECT_NE(problem.find("MambaForCausalLM"), std::string::npos);
  EXPECT_NE(problem.find("QWenLMHeadModel"), std::string::npos);
}

}  // namespace
}  // namespace heng
