// Writes .gguf files, right ones and wrong ones:
//   GgufBuilder().set("general.architecture", "llama").set("llama.block_count", 2u)
//       .add("output_norm.weight", {64}, floats).write(path);
#pragma once

#include <algorithm>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "support/file_bytes.h"

namespace heng::test {

class GgufBuilder {
 public:
  // Numbers of gguf_metadata_value_type.
  enum ValueType : uint32_t {
    kU8,
    kI8,
    kU16,
    kI16,
    kU32,
    kI32,
    kF32,
    kBool,
    kString,
    kArray,
    kU64,
    kI64,
    kF64,
  };

  uint32_t version = 3;
  uint64_t alignment = 32;  // of the layout; set("general.alignment", ...) as well to change it

  GgufBuilder& set(std::string_view key, uint32_t v) { return raw(key, kU32, little_endian(v)); }
  GgufBuilder& set(std::string_view key, int32_t v) { return raw(key, kI32, little_endian(v)); }
  GgufBuilder& set(std::string_view key, uint64_t v) { return raw(key, kU64, little_endian(v)); }
  GgufBuilder& set(std::string_view key, float v) { return raw(key, kF32, little_endian(v)); }
  GgufBuilder& set(std::string_view key, bool v) { return raw(key, kBool, little_endian(v)); }
  GgufBuilder& set(std::string_view key, std::string_view v) { return raw(key, kString, text(v)); }
  GgufBuilder& set(std::string_view key, const char* v) { return set(key, std::string_view(v)); }
  GgufBuilder& set(std::string_view key, const std::vector<std::string>& v) {
    return list(key, kString, v, [](const std::string& item) { return text(item); });
  }
  GgufBuilder& set(std::string_view key, const std::vector<float>& v) {
    return list(key, kF32, v, little_endian<float>);
  }
  GgufBuilder& set(std::string_view key, const std::vector<int32_t>& v) {
    return list(key, kI32, v, little_endian<int32_t>);
  }
  // Any type number and any bytes as its value.
  GgufBuilder& raw(std::string_view key, uint32_t type, std::string_view value) {
    metadata_ += text(key) + little_endian(type);
    metadata_ += value;
    ++n_metadata_;
    return *this;
  }

  // `shape` is outermost first, as everywhere in heng; the file has it the other way round.
  GgufBuilder& add(std::string_view name, const Shape& shape, std::span<const float> values,
                   DType dtype = DType::kF32) {
    const uint32_t type = dtype == DType::kF32 ? 0 : dtype == DType::kF16 ? 1 : 30;
    return raw_tensor(name, type, shape, plain_bytes(dtype, values));
  }
  // Any ggml type number and bytes, for instance blocks of a quantised format.
  GgufBuilder& raw_tensor(std::string_view name, uint32_t type, const Shape& shape,
                          std::string_view bytes) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment, '\0');
    tensor_at(name, type, shape, data_.size());
    data_ += bytes;
    return *this;
  }
  // A tensor that says it lies at `offset`; adds no data.
  GgufBuilder& tensor_at(std::string_view name, uint32_t type, const Shape& shape,
                         uint64_t offset) {
    tensors_ += text(name) + little_endian(static_cast<uint32_t>(shape.size()));
    for (size_t i = shape.size(); i-- > 0;) tensors_ += little_endian(shape[i]);
    tensors_ += little_endian(type) + little_endian(offset);
    ++n_tensors_;
    return *this;
  }

  std::string bytes() const { return bytes_with_counts(n_tensors_, n_metadata_); }
  std::string bytes_with_counts(uint64_t n_tensors, uint64_t n_metadata) const {
    std::string out = "GGUF" + little_endian(version) + little_endian(n_tensors) +
                      little_endian(n_metadata) + metadata_ + tensors_;
    out.resize((out.size() + alignment - 1) / alignment * alignment, '\0');
    return out + data_;
  }

  void write(const std::filesystem::path& path) const { write_file(path, bytes()); }

  static std::string text(std::string_view value) {
    return little_endian(uint64_t{value.size()}).append(value);
  }

 private:
  template <typename T, typename Encode>
  GgufBuilder& list(std::string_view key, uint32_t type, const std::vector<T>& items,
                    const Encode& encode) {
    std::string value = little_endian(type) + little_endian(uint64_t{items.size()});
    for (const T& item : items) value += encode(item);
    return raw(key, kArray, value);
  }

  std::string metadata_, tensors_, data_;
  uint64_t n_metadata_ = 0, n_tensors_ = 0;
};

}  // namespace heng::test
