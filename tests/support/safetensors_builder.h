// Writes .safetensors files, right ones and wrong ones:
//   SafetensorsBuilder().add("wte.weight", {1024, 64}, floats).write(folder / "model.safetensors");
#pragma once

#include <cctype>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/tensor.h"
#include "support/file_bytes.h"

namespace heng::test {

class SafetensorsBuilder {
 public:
  SafetensorsBuilder& add(const std::string& name, const Shape& shape,
                          std::span<const float> values, DType dtype = DType::kF32) {
    std::string type(dtype_name(dtype));
    for (char& c : type) c = static_cast<char>(std::toupper(c));
    return raw(name, type, shape, plain_bytes(dtype, values));
  }

  // Any dtype, as the format spells it, and any bytes.
  SafetensorsBuilder& raw(const std::string& name, const std::string& dtype, const Shape& shape,
                          std::string_view bytes) {
    header_[name] = {{"dtype", dtype},
                     {"shape", shape},
                     {"data_offsets", {data_.size(), data_.size() + bytes.size()}}};
    data_ += bytes;
    return *this;
  }

  // To change what the header says, after the tensors were added.
  Json& header() { return header_; }

  std::string bytes() const { return bytes_with_header(header_.dump()); }
  // The same data behind any text as its header.
  std::string bytes_with_header(const std::string& header) const {
    return little_endian(uint64_t{header.size()}) + header + data_;
  }

  void write(const std::filesystem::path& path) const { write_file(path, bytes()); }

 private:
  Json header_ = {{"__metadata__", {{"format", "pt"}}}};
  std::string data_;
};

}  // namespace heng::test
