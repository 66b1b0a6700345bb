// A tiny checkpoint of random weights for any architecture of the registry, in parts, to be changed
// before it is written:
//   TinyModel model(*architecture); model.tensors.pop_back(); model.write(folder);
// Which tensors there are follows from the architecture's own row, so a new architecture needs no
// line here unless its config.json has keys that no other has.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "heng/model.h"
#include "models/architecture.h"
#include "support/file_bytes.h"
#include "support/random.h"
#include "support/safetensors_builder.h"
#include "support/tiny_tokenizer.h"

namespace heng::test {

struct TinyTensor {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

struct TinyModel {
  static constexpr size_t kVocabulary = 512, kLayers = 2, kTrained = 64;

  // Every family's name for the same sizes: a reader takes the keys it knows.
  Json config = {{"vocab_size", kVocabulary},
                 {"padded_vocab_size", kVocabulary},
                 {"hidden_size", 32},
                 {"intermediate_size", 96},
                 {"ffn_hidden_size", 96},
                 {"num_hidden_layers", kLayers},
                 {"num_layers", kLayers},
                 {"num_attention_heads", 2},
                 {"num_key_value_heads", 1},
                 {"multi_query_attention", true},
                 {"multi_query_group_num", 1},
                 {"head_dim", 16},
                 {"kv_channels", 16},
                 {"rms_norm_eps", 1e-6},
                 {"layer_norm_epsilon", 1e-6},
                 {"layernorm_epsilon", 1e-6},
                 {"rope_theta", 10000},
                 {"rotary_emb_base", 10000},
                 {"rotary_pct", 1.0},
                 {"seq_length", kTrained},
                 {"max_position_embeddings", 256},
                 {"use_dynamic_ntk", true},
                 {"use_logn_attn", true},
                 {"no_bias", true},
                 {"add_bias_linear", false},
                 {"add_qkv_bias", true},
                 {"rmsnorm", true},
                 {"post_layer_norm", true},
                 {"original_rope", true},
                 {"apply_residual_connection_post_layernorm", false},
                 {"tie_word_embeddings", false}};
  std::vector<TinyTensor> tensors;

  struct Part {
    models::Part part;
    bool per_layer;
    uint64_t rows, cols;  // cols 0: a vector
  };

  // Of the whole model, in no order.
  static std::vector<Part> parts(const models::DecoderSpec& s) {
    using models::Part;
    const uint64_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
    std::vector<TinyModel::Part> all = {{Part::kEmbedding, false, s.vocabulary, s.hidden},
                                        {Part::kFinalNorm, false, s.hidden, 0},
                                        {Part::kAttentionNorm, true, s.hidden, 0},
                                        {Part::kQ, true, q, s.hidden},
                                        {Part::kK, true, kv, s.hidden},
                                        {Part::kV, true, kv, s.hidden},
                                        {Part::kO, true, s.hidden, q},
                                        {Part::kFfnNorm, true, s.hidden, 0},
                                        {Part::kGate, true, s.ffn, s.hidden},
                                        {Part::kUp, true, s.ffn, s.hidden},
                                        {Part::kDown, true, s.hidden, s.ffn}};
    if (!s.tied_head) all.push_back({Part::kHead, false, s.vocabulary, s.hidden});
    if (s.qkv_bias) {
      all.push_back({Part::kQBias, true, q, 0});
      all.push_back({Part::kKBias, true, kv, 0});
      all.push_back({Part::kVBias, true, kv, 0});
    }
    if (s.qk_norm) {
      all.push_back({Part::kQNorm, true, s.head_dim, 0});
      all.push_back({Part::kKNorm, true, s.head_dim, 0});
    }
    return all;
  }

  explicit TinyModel(const models::Architecture& architecture) {
    config["architectures"] = {std::string(architecture.hf_classes.front())};
    config["model_type"] = std::string(architecture.name);
    const auto spec = architecture.read_config(JsonObject(config, "config.json"));
    for (const Part& part : parts(spec)) {
      const size_t n_layers = part.per_layer ? spec.n_layers : 1;
      for (size_t layer = 0; layer < n_layers; ++layer) {
        add(architecture.tensor(spec, part.part, layer), part);
      }
    }
  }

  void write(const std::filesystem::path& folder, DType dtype = DType::kF32) const {
    SafetensorsBuilder file;
    for (const TinyTensor& t : tensors) file.add(t.name, t.shape, t.values, dtype);
    file.write(folder / "model.safetensors");
    write_file(folder / "config.json", config.dump());
    write_tiny_tokenizer(folder);
  }

  TinyTensor& find(const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const TinyTensor& t) { return t.name == name; });
  }
  const TinyTensor& find(const std::string& name) const {
    return const_cast<TinyModel*>(this)->find(name);
  }

 private:
  // Parts of a fused tensor name it more than once.
  void add(const models::TensorRef& ref, const Part& part) {
    const auto known = [&](const TinyTensor& t) { return t.name == ref.name; };
    if (std::any_of(tensors.begin(), tensors.end(), known)) return;
    Shape shape{ref.total_rows ? ref.total_rows : part.rows};
    if (part.cols) shape.push_back(part.cols);
    const auto seed = static_cast<uint32_t>(tensors.size());
    auto values = normal_floats(element_count(shape, ref.name), seed, part.cols ? 0.3f : 0.1f);
    const bool is_norm = part.part == models::Part::kAttentionNorm ||
                         part.part == models::Part::kFfnNorm ||
                         part.part == models::Part::kFinalNorm ||
                         part.part == models::Part::kQNorm || part.part == models::Part::kKNorm;
    if (is_norm) {
      for (float& x : values) x += 1;
    }
    tensors.push_back({ref.name, shape, std::move(values)});
  }
};

// The error of loading; empty where it went well.
inline std::string problem_of(const TinyModel& model, DType stored = DType::kF32) {
  const test::TempDir folder;
  model.write(folder.path(), stored);
  LoadOptions options;
  options.threads = 1;
  try {
    Model::load(folder.path(), options);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace heng::test
