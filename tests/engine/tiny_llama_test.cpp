// LLaMA from folders that are made here: Meta's layout in 1, 2 and 8 files against Hugging Face's,
// and rope scaling step by step against transformers (tools/make_rope_golden.py).
#include "support/tiny_llama.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "heng/engine.h"
#include "support/hex.h"

namespace heng {
namespace {

using test::TempDir;
using test::TinyLlama;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::shared_ptr<const Model> load(const TempDir& folder, Precision dtype = Precision::kFp32) {
  LoadOptions options;
  options.threads = 2;
  options.dtype = dtype;
  return Model::load(folder.path(), options);
}

// Heads enough for eight processes.
TinyLlama wide() {
  TinyLlama model;
  model.hidden = 256;
  model.layers = 2;
  model.heads = 16;
  model.kv_heads = 8;
  model.ffn = 704;
  model.vocabulary = 40;
  model.config = {{"rms_norm_eps", 1e-5}, {"max_position_embeddings", 4096}};
  return model.make();
}

std::vector<TokenId> some_ids(size_t n) {
  std::vector<TokenId> ids(n);
  for (size_t i = 0; i < n; ++i) ids[i] = static_cast<TokenId>((7 * i * i + 3 * i + 1) % 32);
  return ids;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
  }
  return worst;
}

TEST(MetaFolder, AnyNumberOfFilesGivesTheSameBits) {
  const TinyLlama model = wide();
  const auto ids = some_ids(20);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const Precision precision : {Precision::kAuto, Precision::kFp32}) {
      std::vector<float> one;
      for (const size_t n : {1, 2, 8}) {
        const TempDir folder;
        model.write_meta(folder.path(), n, dtype);
        const auto loaded = load(folder, precision);
        EXPECT_EQ(loaded->info().n_files, n);
        EXPECT_EQ(loaded->info().vocabulary, 40);
        EXPECT_EQ(loaded->info().stored_as, dtype_name(dtype));
        const auto got = Engine(loaded).logits(ids);
        if (n == 1) one = got;
        EXPECT_EQ(got, one) << n << " files of " << dtype_name(dtype);
      }
    }
  }
}

// The order of a head's dimensions differs between the two, and with it the rounding of a sum.
TEST(MetaFolder, GivesTheScoresOfTheHuggingFaceFolder) {
  const TinyLlama model = wide();
  const auto ids = some_ids(40);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const TempDir hf, meta;
    model.write_hf(hf.path(), dtype);
    model.write_meta(meta.path(), 2, dtype);
    const auto want = Engine(load(hf)).logits(ids);
    EXPECT_LT(largest_difference(Engine(load(meta)).logits(ids), want), 5e-5f);
    float largest = 0;
    for (const float x : want) largest = std::max(largest, std::abs(x));
    EXPECT_GT(largest, 1.0f);
  }
}

// Old conversions carry a table of angles in every layer.
TEST(HuggingFaceFolder, TablesOfAnglesArePassedOver) {
  TinyLlama model;
  model.make();
  const auto scores = [&] {
    const TempDir folder;
    model.write_hf(folder.path());
    return Engine(load(folder)).logits(some_ids(10));
  };
  const auto want = scores();
  model.tensors.push_back(
      {"model.layers.0.self_attn.rotary_emb.inv_freq", {16}, std::vector<float>(16, 3.0f)});
  EXPECT_EQ(scores(), want);
}

// The error of loading the folder after `change`, which gets what each file holds and params.json.
template <typename Change>
std::string problem_of(size_t n_files, const Change& change) {
  const TinyLlama model = wide();
  const TempDir folder;
  auto shards = model.meta_shards(n_files);
  Json params = model.params();
  change(shards, params);
  test::write_file(folder / "params.json", params.dump());
  for (size_t i = 0; i < shards.size(); ++i) {
    if (shards[i].empty()) continue;
    test::write_file(folder / TinyLlama::shard_name(i), TinyLlama::shard_bytes(shards[i]));
  }
  try {
    Engine(load(folder)).logits(some_ids(2));
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  return "";
}

TEST(MetaFolder, UnchangedItLoads) {
  EXPECT_EQ(problem_of(2, [](auto&, Json&) {}), "");
}

TEST(MetaFolder, AGapInTheNumberingIsNamed) {
  EXPECT_THAT(problem_of(3, [](auto& shards, Json&) { shards[1].clear(); }),
              AllOf(HasSubstr("consolidated.01.pth"), HasSubstr("incomplete")));
  EXPECT_THAT(problem_of(2, [](auto& shards, Json&) { shards[0].clear(); }),
              HasSubstr("consolidated.00.pth"));
  EXPECT_THAT(problem_of(2,
                         [](auto& shards, Json&) {
                           shards = {{}, {}};
                         }),
              HasSubstr("consolidated.00.pth"));
  // The last ones missing show in the shapes.
  EXPECT_THAT(problem_of(2, [](auto& shards, Json&) { shards[1].clear(); }),
              AllOf(HasSubstr("consolidated.00.pth: tensor tok_embeddings.weight"),
                    HasSubstr("[40, 128]"), HasSubstr("[40, 256]")));
}

TEST(MetaFolder, FilesThatDoNotFitTogetherAreNamedWithTheTensor) {
  EXPECT_THAT(problem_of(2,
                         [](auto& shards, Json&) {
                           std::erase_if(shards[1], [](const auto& t) {
                             return t.name == "layers.1.feed_forward.w2.weight";
                           });
                         }),
              AllOf(HasSubstr("consolidated.01.pth: tensor layers.1.feed_forward.w2.weight"),
                    HasSubstr("consolidated.00.pth has it")));
  EXPECT_THAT(
      problem_of(2,
                 [](auto& shards, Json&) {
                   shards[1].push_back({"layers.2.attention.wq.weight", {2, 2}, {1, 2, 3, 4}});
                 }),
      AllOf(HasSubstr("consolidated.00.pth: tensor layers.2.attention.wq.weight"),
            HasSubstr("consolidated.01.pth has it")));
  EXPECT_THAT(problem_of(2,
                         [](auto& shards, Json&) {
                           auto& t = shards[1][1];
                           t.shape[0] /= 2;
                           t.values.resize(t.values.size() / 2);
                         }),
              AllOf(HasSubstr("consolidated.01.pth: tensor layers.0.attention.wq.weight"),
                    HasSubstr("[64, 256]"), HasSubstr("[128, 256]")));
  EXPECT_THAT(problem_of(2,
                         [](auto& shards, Json&) {
                           for (auto& t : shards[1]) {
                             if (t.name == "norm.weight") t.values[5] += 1;
                           }
                         }),
              AllOf(HasSubstr("consolidated.01.pth: tensor norm.weight"), HasSubstr("same")));
  EXPECT_THAT(problem_of(2,
                         [](auto& shards, Json&) {
                           for (auto& s : shards) s.push_back({"vision.weight", {1, 2}, {1, 2}});
                         }),
              AllOf(HasSubstr("consolidated.00.pth: tensor vision.weight")));
}

TEST(MetaFolder, ParamsThatContradictTheTensorsAreNamed) {
  const auto with = [](const char* key, const Json& value) {
    return problem_of(2, [&](auto&, Json& params) { params[key] = value; });
  };
  EXPECT_THAT(with("n_layers", 1), AllOf(HasSubstr("params.json"), HasSubstr("layers.1.")));
  EXPECT_THAT(with("n_layers", 3), HasSubstr("layers.2."));
  EXPECT_THAT(with("n_kv_heads", nullptr), HasSubstr("attention.wk.weight"));
  EXPECT_THAT(with("dim", 512), HasSubstr("tok_embeddings.weight"));
  EXPECT_THAT(with("dim", 250), HasSubstr("n_heads"));
  EXPECT_THAT(with("multiple_of", 512), HasSubstr("feed_forward.w1.weight"));
  EXPECT_THAT(with("ffn_dim_multiplier", 1.3), HasSubstr("feed_forward.w1.weight"));
  EXPECT_THAT(with("vocab_size", 41), HasSubstr("tok_embeddings.weight"));
  EXPECT_THAT(with("use_scaled_rope", true), HasSubstr("params.json: use_scaled_rope"));
  EXPECT_THAT(with("moe", Json::object()), HasSubstr("params.json: moe"));
  for (const char* key : {"vocab_size", "multiple_of", "ffn_dim_multiplier", "norm_eps"}) {
    EXPECT_THAT(with(key, 0), HasSubstr("params.json")) << key;
    EXPECT_THAT(with(key, "x"), HasSubstr(std::string("params.json: ") + key));
  }
  EXPECT_EQ(with("vocab_size", 40), "");
  EXPECT_EQ(with("use_scaled_rope", false), "");
  EXPECT_EQ(with("max_seq_len", 2048), "");
}

Json rope_models() {
  std::ifstream in(std::string(HENG_SOURCE_DIR) + "/tests/models/data/rope.json");
  EXPECT_TRUE(in.good()) << "run tools/make_rope_golden.py";
  return Json::parse(in)["models"];
}

// One prefill, then single steps; `dynamic` turns by another base with each of them.
TEST(RopeScaling, ScoresAreThoseOfTransformersStepByStep) {
  size_t n = 0;
  for (const Json& c : rope_models()) {
    TinyLlama model;
    model.config = c["config"];
    const TempDir folder;
    model.make().write_hf(folder.path());
    const auto ids = c["ids"].get<std::vector<TokenId>>();
    const size_t prefill = c["prefill"];
    const auto all = Engine(load(folder)).logits(ids, ids.size() - prefill);
    const auto want = test::floats_from_hex(c["logits"].get<std::string>());
    ASSERT_EQ(want.size(), (ids.size() - prefill + 1) * model.vocabulary);
    const std::vector<float> got(all.end() - static_cast<ptrdiff_t>(want.size()), all.end());
    EXPECT_LT(largest_difference(got, want), 5e-5f) << c["name"];
    ++n;
  }
  EXPECT_EQ(n, 5u);
}

// Keys that were turned by another base must not be used again.
TEST(RopeScaling, RepliesPastTheTrainedLengthDoNotDependOnTheCache) {
  TinyLlama model;
  model.config = {{"max_position_embeddings", 16},
                  {"rope_scaling", {{"type", "dynamic"}, {"factor", 4.0}}}};
  const TempDir folder;
  model.make().write_hf(folder.path());
  const auto loaded = load(folder);
  const auto run = [](Engine& engine, const std::vector<TokenId>& prompt) {
    Request request;
    request.prompt = prompt;
    request.generation.max_new_tokens = 12;
    return engine.run(request);
  };
  Engine used(loaded);
  auto prompt = some_ids(10);
  const Completion first = run(used, prompt);  // crosses 16 while it replies
  prompt.insert(prompt.end(), first.ids.begin(), first.ids.end());
  Engine fresh(loaded);
  const Completion want = run(fresh, prompt), got = run(used, prompt);
  EXPECT_EQ(got.reused_tokens, 0u);  // all 22 turn by the base of 22
  EXPECT_EQ(got.ids, want.ids);
  // Within the trained length what has one base is kept, what was made past it is not.
  const std::vector<TokenId> shorter(prompt.begin(), prompt.begin() + 14);
  run(used, some_ids(10));
  EXPECT_EQ(run(used, shorter).reused_tokens, 13u);
}

}  // namespace
}  // namespace heng
