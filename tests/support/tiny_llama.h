// A LLaMA small enough to make in a test: weights by a rule that tools/make_rope_golden.py follows
// too, written as a Hugging Face folder or as Meta's with any number of files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "support/safetensors_builder.h"
#include "support/torch_builder.h"

namespace heng::test {

struct NamedTensor {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

struct TinyLlama {
  uint64_t hidden = 64, layers = 1, heads = 2, kv_heads = 2, ffn = 64, vocabulary = 32;
  Json config = Json::object();  // of a Hugging Face folder, beside the sizes
  std::vector<NamedTensor> tensors;

  uint64_t head_dim() const { return hidden / heads; }

  // Call after the sizes were set.
  TinyLlama& make() {
    const uint64_t kv = kv_heads * head_dim();
    add("model.embed_tokens.weight", {vocabulary, hidden}, 1, 0);
    for (uint64_t i = 0; i < layers; ++i) {
      const std::string block = "model.layers." + std::to_string(i) + ".";
      add(block + "self_attn.q_proj.weight", {hidden, hidden}, 0.25f, 0);
      add(block + "self_attn.k_proj.weight", {kv, hidden}, 0.25f, 0);
      add(block + "self_attn.v_proj.weight", {kv, hidden}, 0.25f, 0);
      add(block + "self_attn.o_proj.weight", {hidden, hidden}, 0.25f, 0);
      add(block + "mlp.gate_proj.weight", {ffn, hidden}, 0.25f, 0);
      add(block + "mlp.up_proj.weight", {ffn, hidden}, 0.25f, 0);
      add(block + "mlp.down_proj.weight", {hidden, ffn}, 0.25f, 0);
      add(block + "input_layernorm.weight", {hidden}, 0.25f, 1);
      add(block + "post_attention_layernorm.weight", {hidden}, 0.25f, 1);
    }
    add("model.norm.weight", {hidden}, 0.25f, 1);
    add("lm_head.weight", {vocabulary, hidden}, 0.5f, 0);
    return *this;
  }

  void write_hf(const std::filesystem::path& folder, DType dtype = DType::kF32) const {
    Json all = {{"architectures", {"LlamaForCausalLM"}},
                {"hidden_size", hidden},
                {"num_hidden_layers", layers},
                {"num_attention_heads", heads},
                {"num_key_value_heads", kv_heads},
                {"intermediate_size", ffn},
                {"vocab_size", vocabulary}};
    all.update(config);
    write_file(folder / "config.json", all.dump());
    SafetensorsBuilder file;
    for (const NamedTensor& t : tensors) file.add(t.name, t.shape, t.values, dtype);
    file.write(folder / "model.safetensors");
  }

  // params.json of the same sizes: `ffn` must be a multiple of 32 next above 8 / 3 of `hidden`.
  Json params() const {
    return {{"dim", hidden},    {"n_layers", layers}, {"n_heads", heads},      {"multiple_of", 32},
            {"norm_eps", 1e-5}, {"vocab_size", -1},   {"n_kv_heads", kv_heads}};
  }

  // What each of `n` files holds.
  std::vector<std::vector<NamedTensor>> meta_shards(size_t n) const {
    std::vector<std::vector<NamedTensor>> shards(n);
    for (const NamedTensor& t : tensors) {
      const auto [name, cut] = meta_name(t.name);
      const bool turned = name.ends_with("wq.weight") || name.ends_with("wk.weight");
      const NamedTensor whole = turned ? as_pairs(t) : t;
      for (size_t i = 0; i < n; ++i) shards[i].push_back(slice(name, whole, cut, i, n));
    }
    for (auto& shard : shards) shard.push_back({"rope.freqs", {2}, {1, 0.01f}});
    return shards;
  }

  void write_meta(const std::filesystem::path& folder, size_t n, DType dtype = DType::kF32) const {
    write_file(folder / "params.json", params().dump());
    const auto shards = meta_shards(n);
    for (size_t i = 0; i < n; ++i)
      write_file(folder / shard_name(i), shard_bytes(shards[i], dtype));
  }

  static std::string shard_name(size_t i) { return "consolidated.0" + std::to_string(i) + ".pth"; }

  static std::string shard_bytes(const std::vector<NamedTensor>& shard, DType dtype = DType::kF32) {
    const std::string storage = dtype == DType::kF32   ? "FloatStorage"
                                : dtype == DType::kF16 ? "HalfStorage"
                                                       : "BFloat16Storage";
    TorchBuilder file;
    for (size_t i = 0; i < shard.size(); ++i) {
      const NamedTensor& t = shard[i];
      std::vector<int32_t> shape(t.shape.begin(), t.shape.end()), strides(shape.size(), 1);
      for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
      const std::string key = std::to_string(i);
      file.pickle().text(t.name).tensor(storage, key, static_cast<int32_t>(t.values.size()), 0,
                                        shape, strides);
      file.add_storage(key, plain_bytes(dtype, t.values));
    }
    return file.bytes();
  }

 private:
  enum class Cut { kRows, kColumns, kNone };

  void add(const std::string& name, const Shape& shape, float scale, float centre) {
    std::vector<float> values(element_count(shape, name));
    for (float& value : values) {
      state_ = state_ * 1664525u + 1013904223u;
      const float upper = static_cast<float>(state_ >> 8) * 0x1p-23f - 1.0f;
      value = upper * scale + centre;
    }
    tensors.push_back({name, shape, values});
  }

  static std::pair<std::string, Cut> meta_name(std::string name) {
    struct Renamed {
      const char *from, *to;
      Cut cut;
    };
    static const std::vector<Renamed> kNames{
        {"model.embed_tokens", "tok_embeddings", Cut::kColumns},
        {"model.norm", "norm", Cut::kNone},
        {"lm_head", "output", Cut::kRows},
        {"self_attn.q_proj", "attention.wq", Cut::kRows},
        {"self_attn.k_proj", "attention.wk", Cut::kRows},
        {"self_attn.v_proj", "attention.wv", Cut::kRows},
        {"self_attn.o_proj", "attention.wo", Cut::kColumns},
        {"mlp.gate_proj", "feed_forward.w1", Cut::kRows},
        {"mlp.up_proj", "feed_forward.w3", Cut::kRows},
        {"mlp.down_proj", "feed_forward.w2", Cut::kColumns},
        {"input_layernorm", "attention_norm", Cut::kNone},
        {"post_attention_layernorm", "ffn_norm", Cut::kNone}};
    for (const Renamed& r : kNames) {
      const size_t at = name.find(r.from);
      if (at == std::string::npos) continue;
      name.replace(at, std::string(r.from).size(), r.to);
      if (name.starts_with("model.")) name.erase(0, 6);
      return {name, r.cut};
    }
    return {name, Cut::kNone};
  }

  // Rows i and i + half of a head become neighbours.
  NamedTensor as_pairs(const NamedTensor& t) const {
    NamedTensor out = t;
    const uint64_t half = head_dim() / 2, width = t.shape[1];
    for (uint64_t row = 0; row < t.shape[0]; ++row) {
      const uint64_t head = row / head_dim(), i = row % head_dim();
      const uint64_t to = head * head_dim() + (i < half ? 2 * i : 2 * (i - half) + 1);
      std::copy_n(t.values.begin() + static_cast<ptrdiff_t>(row * width), width,
                  out.values.begin() + static_cast<ptrdiff_t>(to * width));
    }
    return out;
  }

  static NamedTensor slice(const std::string& name, const NamedTensor& t, Cut cut, size_t i,
                           size_t n) {
    if (cut == Cut::kNone) return {name, t.shape, t.values};
    const size_t axis = cut == Cut::kRows ? 0 : 1;
    NamedTensor out{name, t.shape, {}};
    out.shape[axis] /= n;
    const uint64_t row0 = axis == 0 ? i * out.shape[0] : 0, col0 = axis == 1 ? i * out.shape[1] : 0;
    for (uint64_t r = 0; r < out.shape[0]; ++r) {
      const auto from = t.values.begin() + static_cast<ptrdiff_t>((row0 + r) * t.shape[1] + col0);
      out.values.insert(out.values.end(), from, from + static_cast<ptrdiff_t>(out.shape[1]));
    }
    return out;
  }

  uint32_t state_ = 1;
};

}  // namespace heng::test
