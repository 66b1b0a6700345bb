// Writes PEFT folders, right ones and wrong ones:
//   TinyLora lora; lora.pair("model.layers.0.self_attn.q_proj", 64, 64).write(folder);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/file_bytes.h"
#include "support/random.h"
#include "support/safetensors_builder.h"

namespace heng::test {

struct TinyLora {
  struct Tensor {
    std::string name;
    Shape shape;
    std::vector<float> values;
    DType dtype = DType::kF32;
  };

  static constexpr uint64_t kRank = 4;

  Json config = {{"peft_type", "LORA"},
                 {"base_model_name_or_path", "somebody/tiny-base"},
                 {"r", kRank},
                 {"lora_alpha", 8},
                 {"bias", "none"},
                 {"fan_in_fan_out", false},
                 {"task_type", "CAUSAL_LM"},
                 {"target_modules", Json::array()},
                 {"modules_to_save", nullptr}};
  std::vector<Tensor> tensors;
  uint32_t seed = 100;

  TinyLora& add(const std::string& name, const Shape& shape, float deviation = 0.2f,
                DType dtype = DType::kF32) {
    auto values = normal_floats(element_count(shape, name), seed++, deviation);
    tensors.push_back({name, shape, std::move(values), dtype});
    return *this;
  }

  // A and B of one module, which becomes a target by its whole name.
  TinyLora& pair(const std::string& module, uint64_t out, uint64_t in, DType dtype = DType::kF32) {
    const std::string head = "base_model.model." + module;
    config["target_modules"].push_back(module);
    add(head + ".lora_A.weight", {kRank, in}, 0.2f, dtype);
    return add(head + ".lora_B.weight", {out, kRank}, 0.2f, dtype);
  }

  TinyLora& save(const std::string& tensor, const Shape& shape, DType dtype = DType::kF32) {
    return add("base_model.model." + tensor, shape, 0.4f, dtype);
  }

  Tensor& find(const std::string& end) {
    for (Tensor& t : tensors) {
      if (t.name.ends_with(end)) return t;
    }
    throw std::invalid_argument("no tensor " + end);
  }

  std::string file_bytes() const {
    SafetensorsBuilder file;
    for (const Tensor& t : tensors) file.add(t.name, t.shape, t.values, t.dtype);
    return file.bytes();
  }

  const TinyLora& write(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    write_file(folder / "adapter_config.json", config.dump());
    write_file(folder / "adapter_model.safetensors", file_bytes());
    return *this;
  }
};

}  // namespace heng::test
