// A tiny LLaMA as GPTQ or AWQ files hold it, and the same model with plain fp32 weights:
//   TinyPacked model({.bits = 8, .act_order = true}); model.write(folder);
//   model.plain.write_hf(other);
// Integers, zeros, scales and groups are random; tensors and quantization_config may be changed
// before they are written.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/half.h"
#include "support/tiny_llama.h"

namespace heng::test {

struct Packing {
  std::string method = "gptq";  // or "awq"
  uint32_t bits = 4;
  int group = 128;  // -1: one a row
  bool act_order = false;
  bool v2 = false;  // gptq_v2: zeros as they are
};

struct TinyPacked {
  struct Tensor {
    std::string dtype;
    Shape shape;
    std::string bytes;
  };

  TinyLlama plain;
  Json quantization;
  std::map<std::string, Tensor> packed;  // by name

  explicit TinyPacked(const Packing& p) : packing_(p) {
    plain.hidden = 256;
    plain.ffn = 384;
    plain.make();
    quantization = {{"quant_method", p.method}, {"bits", p.bits}, {"group_size", p.group}};
    if (p.method == "awq") {
      quantization.update({{"version", "gemm"}, {"zero_point", true}});
    } else {
      quantization.update({{"desc_act", p.act_order}, {"sym", false}});
      if (p.v2) quantization["checkpoint_format"] = "gptq_v2";
    }
    for (NamedTensor& t : plain.tensors) {
      if (t.name.ends_with("_proj.weight")) pack(t);
    }
  }

  Tensor& find(const std::string& name) { return packed.at(name); }

  // `file`: where the settings stand, "config.json" or "quantize_config.json".
  void write(const std::filesystem::path& folder, const std::string& file = "config.json",
             const std::string& weights = "model.safetensors") const {
    TinyLlama rest = plain;
    std::erase_if(rest.tensors,
                  [](const NamedTensor& t) { return t.name.ends_with("_proj.weight"); });
    if (file == "config.json") {
      rest.config["quantization_config"] = quantization;
    } else {
      write_file(folder / file, quantization.dump());
    }
    rest.write_hf(folder);
    std::filesystem::remove(folder / "model.safetensors");
    SafetensorsBuilder out;
    for (const NamedTensor& t : rest.tensors) out.add(t.name, t.shape, t.values);
    for (const auto& [name, t] : packed) out.raw(name, t.dtype, t.shape, t.bytes);
    out.write(folder / weights);
  }

 private:
  using Words = std::vector<uint32_t>;

  template <typename T>
  static std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
  }

  // Where column c of a word's 32 / bits stands.
  uint32_t shift(uint64_t c) const {
    constexpr uint32_t kAwq[8] = {0, 4, 1, 5, 2, 6, 3, 7};
    const uint32_t lane = static_cast<uint32_t>(c % (32 / packing_.bits));
    return packing_.bits * (packing_.method == "awq" ? kAwq[lane] : lane);
  }

  // Replaces the values by what the packed tensors mean.
  void pack(NamedTensor& t) {
    const uint64_t outputs = t.shape[0], inputs = t.shape[1], per_word = 32 / packing_.bits;
    const uint64_t group = packing_.group < 0 ? inputs : static_cast<uint64_t>(packing_.group);
    const uint64_t groups = inputs / group;
    const uint32_t levels = 1u << packing_.bits;
    const bool is_awq = packing_.method == "awq";
    std::vector<int32_t> g_idx(inputs);
    for (uint64_t i = 0; i < inputs; ++i) g_idx[i] = static_cast<int32_t>(i / group);
    if (packing_.act_order) std::shuffle(g_idx.begin(), g_idx.end(), random_);
    std::vector<uint16_t> scales(groups * outputs);
    Words zeros(groups * outputs / per_word), q(inputs * outputs / per_word);
    std::vector<int> zero(groups * outputs);
    for (uint64_t at = 0; at < zero.size(); ++at) {
      const float step = 0.5f / static_cast<float>(levels);
      scales[at] = float_to_half(step * (0.5f + static_cast<float>(random_() % 1000) * 1e-3f));
      zero[at] = static_cast<int>(random_() % levels);
      const uint32_t stored =
          static_cast<uint32_t>(zero[at] - (is_awq || packing_.v2 ? 0 : 1)) & (levels - 1);
      zeros[at / per_word] |= stored << shift(at % outputs);
    }
    for (uint64_t i = 0; i < inputs; ++i) {
      for (uint64_t o = 0; o < outputs; ++o) {
        const uint32_t level = static_cast<uint32_t>(random_() % levels);
        if (is_awq) {
          q[(i * outputs + o) / per_word] |= level << shift(o);
        } else {
          q[i / per_word * outputs + o] |= level << (packing_.bits * (i % per_word));
        }
        const uint64_t at = static_cast<uint64_t>(g_idx[i]) * outputs + o;
        t.values[o * inputs + i] =
            static_cast<float>(static_cast<int>(level) - zero[at]) * half_to_float(scales[at]);
      }
    }
    const std::string name = t.name.substr(0, t.name.size() - std::string("weight").size());
    const Shape q_shape =
        is_awq ? Shape{inputs, outputs / per_word} : Shape{inputs / per_word, outputs};
    packed[name + "qweight"] = {"I32", q_shape, bytes_of(q)};
    packed[name + "qzeros"] = {"I32", {groups, outputs / per_word}, bytes_of(zeros)};
    packed[name + "scales"] = {"F16", {groups, outputs}, bytes_of(scales)};
    if (is_awq) return;
    packed[name + "g_idx"] = {"I32", {inputs}, bytes_of(g_idx)};
    packed[name + "bias"] = {"F16", {outputs}, std::string(2 * outputs, '\0')};
  }

  Packing packing_;
  std::mt19937 random_{5};
};

}  // namespace heng::test
