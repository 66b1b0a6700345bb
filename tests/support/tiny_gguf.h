// A TinyModel as llama.cpp's converter would write it: the same numbers under GGUF's names, rows of
// q and k turned where GGUF's rotation takes other pairs.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/gguf_builder.h"
#include "support/tiny_model.h"

namespace heng::test {

// Rows [ref.first_row, + rows) of a tensor of rows of `cols` numbers.
inline std::vector<float> rows_of(const TinyTensor& t, const models::TensorRef& ref, uint64_t rows,
                                  uint64_t cols) {
  const auto begin = t.values.begin() + static_cast<ptrdiff_t>(ref.first_row * cols);
  return {begin, begin + static_cast<ptrdiff_t>(rows * cols)};
}

// Rows of each head: first half, second half -> neighbouring pairs.
inline std::vector<float> halves_to_pairs(const std::vector<float>& values, uint64_t head_dim,
                                          uint64_t cols) {
  std::vector<float> out(values.size());
  for (uint64_t row = 0; row < values.size() / cols; ++row) {
    const uint64_t head = row / head_dim, i = row % head_dim, half = head_dim / 2;
    const uint64_t to = head * head_dim + (i < half ? 2 * i : 2 * (i - half) + 1);
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(row * cols), cols,
                out.begin() + static_cast<ptrdiff_t>(to * cols));
  }
  return out;
}

// The metadata of a model without a vocabulary.
inline GgufBuilder tiny_gguf_metadata(const models::Architecture& architecture,
                                      const models::DecoderSpec& s) {
  const std::string name(architecture.gguf_name);
  const auto n = [](size_t x) { return static_cast<uint32_t>(x); };
  GgufBuilder file;
  file.set("general.architecture", name)
      .set(name + ".block_count", n(s.n_layers))
      .set(name + ".context_length", n(s.trained_context))
      .set(name + ".embedding_length", n(s.hidden))
      // Qwen-1 counts gate and up together.
      .set(name + ".feed_forward_length", n(name == "qwen" ? 2 * s.ffn : s.ffn))
      .set(name + ".attention.head_count", n(s.n_heads))
      .set(name + ".attention.head_count_kv", n(s.n_kv_heads))
      .set(name + ".attention.key_length", n(s.head_dim))
      .set(name + ".attention.layer_norm_rms_epsilon", s.norm_eps)
      .set(name + ".rope.dimension_count", n(s.rope.dims))
      .set(name + ".rope.freq_base", s.rope.base)
      .set("tokenizer.ggml.model", "no_vocab");
  return file;
}

inline void write_tiny_gguf(const TinyModel& model, const models::Architecture& architecture,
                            const std::filesystem::path& path, DType dtype = DType::kF32) {
  const auto s = architecture.read_config(JsonObject(model.config, "config.json"));
  GgufBuilder file = tiny_gguf_metadata(architecture, s);
  // llama.cpp turns LLaMA's rows to pairs.
  const bool turned = architecture.gguf_name == "llama";
  std::map<std::string, TinyTensor> tensors;
  for (const TinyModel::Part& part : TinyModel::parts(s)) {
    for (size_t layer = 0; layer < (part.per_layer ? s.n_layers : 1); ++layer) {
      const auto from = architecture.tensor(s, part.part, layer);
      const auto to = models::gguf_tensor(architecture, s, part.part, layer);
      const uint64_t cols = std::max<uint64_t>(part.cols, 1);
      auto values = rows_of(model.find(from.name), from, part.rows, cols);
      const bool rotated = part.part == models::Part::kQ || part.part == models::Part::kK;
      if (turned && rotated) values = halves_to_pairs(values, s.head_dim, cols);
      TinyTensor& t = tensors[to.name];
      t.shape = {to.total_rows ? to.total_rows : part.rows};
      if (part.cols) t.shape.push_back(part.cols);
      t.values.resize(t.shape[0] * cols);
      std::copy(values.begin(), values.end(),
                t.values.begin() + static_cast<ptrdiff_t>(to.first_row * cols));
    }
  }
  for (const auto& [name, t] : tensors) {
    // Vectors are fp32, of the numbers that a folder in `dtype` holds.
    const std::string bytes = plain_bytes(dtype, t.values);
    const auto rounded = plain_floats({dtype, t.shape, as_bytes(bytes).data()});
    file.add(name, t.shape, rounded, t.shape.size() == 2 ? dtype : DType::kF32);
  }
  file.write(path);
}

}  // namespace heng::test
