// What every architecture of the registry owes, over random tiny checkpoints: one instance per line
// of list.inc that reads folders, so that a new family is tested from the moment it is listed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "engine/kv_memory.h"
#include "engine/loaded_model.h"
#include "heng/engine.h"
#include "support/tiny_model.h"

namespace heng {
namespace {

using test::problem_of;
using test::TinyModel;
using test::TinyTensor;

std::vector<const models::Architecture*> with_folders() {
  std::vector<const models::Architecture*> out;
  for (const models::Architecture* a : models::all_architectures()) {
    if (a->read_config && !a->hf_classes.empty()) out.push_back(a);
  }
  return out;
}

std::vector<TokenId> some_ids(size_t n) {
  std::vector<TokenId> ids(n);
  uint32_t state = 7;
  for (TokenId& id : ids) {
    state = state * 1664525u + 1013904223u;
    id = static_cast<TokenId>((state >> 8) % TinyModel::kVocabulary);
  }
  return ids;
}

struct Run {
  Precision dtype = Precision::kAuto;
  BackendKind backend = BackendKind::kFast;
  int threads = 2;
  size_t steps = 0;
};

std::vector<float> scores_of(const TinyModel& model, const Run& run, DType stored = DType::kF32) {
  const test::TempDir folder;
  model.write(folder.path(), stored);
  LoadOptions options;
  options.dtype = run.dtype;
  options.backend = run.backend;
  options.threads = run.threads;
  return Engine(Model::load(folder.path(), options)).logits(some_ids(40), run.steps);
}

float worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
  }
  return worst;
}

class ArchitectureContract : public ::testing::TestWithParam<const models::Architecture*> {};

TEST_P(ArchitectureContract, FastScoresAreThoseOfTheReference) {
  const TinyModel model(*GetParam());
  const auto expected = scores_of(model, {.backend = BackendKind::kReference});
  const auto most = *std::max_element(expected.begin(), expected.end());
  EXPECT_GT(most, 0.1f);
  EXPECT_LT(worst_difference(expected, scores_of(model, {})), 2e-5f * std::max(most, 1.0f));
}

TEST_P(ArchitectureContract, StepByStepAndOnePrefillGiveTheSameBits) {
  const TinyModel model(*GetParam());
  EXPECT_EQ(scores_of(model, {}), scores_of(model, {.steps = 25}));
}

TEST_P(ArchitectureContract, ThreadsDoNotChangeABit) {
  const TinyModel model(*GetParam());
  EXPECT_EQ(scores_of(model, {.threads = 1}), scores_of(model, {.threads = 3}));
}

// Three sequences of other lengths and positions in one forward pass, each as it is alone.
TEST_P(ArchitectureContract, ABatchGivesEachSequenceItsOwnBits) {
  const test::TempDir folder;
  TinyModel(*GetParam()).write(folder.path());
  const auto model =
      std::dynamic_pointer_cast<const engine::LoadedModel>(Model::load(folder.path()));
  const auto ids = some_ids(90);
  constexpr size_t kSequences = 3;
  const size_t cached[kSequences] = {0, 5, 66}, fresh[kSequences] = {17, 1, 4};

  const auto backend = engine::make_backend(BackendKind::kFast, 2, ops::ActivationBits::k15);
  const ops::KvLayout layout = models::kv_layout(model->spec, model->kv_type);
  models::Workspace work;
  const size_t vocabulary = model->spec.vocabulary;
  const auto forward = [&](std::span<const models::SequenceInput> batch, size_t n) {
    models::decoder_forward(*backend, model->spec, model->weights, layout, batch, work);
    std::vector<float> scores(n * vocabulary);
    std::vector<size_t> rows(n);
    std::iota(rows.begin(), rows.end(), 0);
    models::decoder_logits(*backend, model->spec, model->weights, rows, work, scores.data());
    return scores;
  };
  // Scores of each sequence's fresh tokens: alone, and with caches that the batch can go on from.
  std::vector<float> alone, together;
  engine::KvMemory memory(layout, 16);
  std::vector<engine::SequenceKv> caches;
  std::vector<models::SequenceInput> batch;
  size_t n_fresh = 0;
  for (size_t i = 0; i < kSequences; ++i) {
    for (const bool prepare_only : {false, true}) {
      engine::SequenceKv kv;
      memory.grow(kv, cached[i] + fresh[i]);
      const float base = model->spec.rope.base;
      const std::span<const TokenId> all(ids);
      if (cached[i] > 0) {
        const models::SequenceInput past{all.first(cached[i]), 0, kv.data.data(), base};
        forward({&past, 1}, 1);
      }
      const models::SequenceInput now{all.subspan(cached[i], fresh[i]), cached[i], kv.data.data(),
                                      base};
      if (prepare_only) {
        batch.push_back(now);
        caches.push_back(std::move(kv));  // its data stays where it is
      } else {
        const auto scores = forward({&now, 1}, fresh[i]);
        alone.insert(alone.end(), scores.begin(), scores.end());
      }
    }
    n_fresh += fresh[i];
  }
  together = forward(batch, n_fresh);
  EXPECT_EQ(alone, together);
}

TEST_P(ArchitectureContract, SixteenBitWeightsRunAndStayNear) {
  const TinyModel model(*GetParam());
  const auto expected = scores_of(model, {});
  EXPECT_LT(worst_difference(expected, scores_of(model, {}, DType::kF16)), 0.1f);
  EXPECT_LT(worst_difference(expected, scores_of(model, {.dtype = Precision::kBf16})), 0.5f);
}

TEST_P(ArchitectureContract, EveryTensorMatters) {
  const TinyModel model(*GetParam());
  const auto expected = scores_of(model, {});
  for (const TinyTensor& tensor : model.tensors) {
    TinyModel changed = model;
    // All rows, so that the rows of tokens that the prompt lacks do not hide it.
    for (float& x : changed.find(tensor.name).values) x = 0.5f * x + 0.05f;
    EXPECT_GT(worst_difference(expected, scores_of(changed, {})), 1e-4f) << tensor.name;
  }
}

TEST_P(ArchitectureContract, AMissingTensorIsNamed) {
  const TinyModel model(*GetParam());
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    TinyModel changed = model;
    changed.tensors.erase(changed.tensors.begin() + static_cast<ptrdiff_t>(i));
    const std::string& name = model.tensors[i].name;
    EXPECT_NE(problem_of(changed).find(name), std::string::npos) << name;
  }
}

TEST_P(ArchitectureContract, AMisshapenTensorIsNamedWithBothShapes) {
  const TinyModel model(*GetParam());
  for (const TinyTensor& tensor : model.tensors) {
    TinyModel changed = model;
    TinyTensor& t = changed.find(tensor.name);
    t.shape[0] += 1;
    t.values = test::normal_floats(element_count(t.shape, t.name), 1);
    const std::string problem = problem_of(changed);
    for (const std::string& part : {t.name, to_string(tensor.shape), to_string(t.shape)}) {
      EXPECT_NE(problem.find(part), std::string::npos) << part << ": " << problem;
    }
  }
}

TEST_P(ArchitectureContract, AValueThatIsNotFiniteIsFoundInEveryTensor) {
  const TinyModel model(*GetParam());
  for (const DType stored : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const TinyTensor& tensor : model.tensors) {
      TinyModel changed = model;
      TinyTensor& t = changed.find(tensor.name);
      t.values[t.values.size() / 3] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_NE(problem_of(changed, stored).find(t.name), std::string::npos) << t.name;
    }
  }
}

TEST_P(ArchitectureContract, ATensorOfALayerThatNothingReadsIsRefusedUnlessItSaysNothing) {
  const TinyModel model(*GetParam());
  std::string layer;  // "model.layers.1.", of the last layer
  for (const TinyTensor& tensor : model.tensors) {
    const size_t at = tensor.name.find(".1.");
    if (at != std::string::npos) layer = tensor.name.substr(0, at + 3);
  }
  TinyModel changed = model;
  changed.tensors.push_back({layer + "extra.bias", {8}, std::vector<float>(8, 0.5f)});
  EXPECT_NE(problem_of(changed).find(layer + "extra.bias has no place"), std::string::npos);
  changed.tensors.back().values.assign(8, 0.0f);
  EXPECT_EQ(problem_of(changed), "");
  changed.tensors.back().name = layer + "self_attn.rotary_emb.inv_freq";
  EXPECT_EQ(problem_of(changed), "");
}

TEST_P(ArchitectureContract, AConfigurationWithFewerLayersThanTheFilesIsRefused) {
  TinyModel model(*GetParam());
  for (const char* key : {"num_hidden_layers", "num_layers", "n_layer"}) {
    if (model.config.contains(key)) model.config[key] = TinyModel::kLayers - 1;
  }
  EXPECT_NE(problem_of(model).find("says 1 layers"), std::string::npos) << problem_of(model);
}

// Any other value of any field: loads, or one line says what is wrong. Never a crash.
TEST_P(ArchitectureContract, EveryFieldWithAnyOtherValueIsHandled) {
  const Json values[] = {nullptr, true, false, "x", Json::array(), Json::object(), -1,   0,
                         1,       3,    1.5,   17,  1000000007,    1ull << 53,     1e30, 1e-30};
  const TinyModel whole(*GetParam());
  size_t refused = 0;
  for (const auto& [key, right] : whole.config.items()) {
    for (const Json& value : values) {
      if (value == right) continue;
      TinyModel model = whole;
      model.config[key] = value;
      const std::string problem = problem_of(model);
      const bool named = problem.find("config.json") != std::string::npos ||
                         problem.find("tensor ") != std::string::npos ||
                         problem.find("GiB") != std::string::npos;
      EXPECT_TRUE(problem.empty() || named) << key << " = " << value << ": " << problem;
      refused += !problem.empty();
    }
  }
  EXPECT_GE(refused, 80u);
}

INSTANTIATE_TEST_SUITE_P(Registry, ArchitectureContract, ::testing::ValuesIn(with_folders()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace heng
