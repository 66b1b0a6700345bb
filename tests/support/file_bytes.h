// Files as byte strings: little-endian writing, folders that go away, bytes of tensors.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/half.h"
#include "base/tensor.h"

namespace heng::test {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

template <typename T>
requires std::is_trivially_copyable_v<T> std::string little_endian(T value) {
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A new folder, removed with all that is in it.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "heng-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot make " + pattern);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// `values` as f32, f16 or bf16, rounded to nearest.
inline std::string plain_bytes(DType dtype, std::span<const float> values) {
  std::string out;
  for (const float value : values) {
    switch (dtype) {
      case DType::kF32:
        out += little_endian(value);
        break;
      case DType::kF16:
        out += little_endian(float_to_half(value));
        break;
      case DType::kBF16:
        out += little_endian(float_to_bf16(value));
        break;
      default:
        throw std::invalid_argument("plain_bytes writes f32, f16 and bf16");
    }
  }
  return out;
}

// The numbers of an f32, f16 or bf16 tensor.
inline std::vector<float> plain_floats(const TensorView& view) {
  const uint64_t n = element_count(view.shape, "tensor");
  std::vector<float> out(n);
  for (uint64_t i = 0; i < n; ++i) {
    uint16_t half = 0;
    if (view.dtype == DType::kF32) {
      std::memcpy(&out[i], view.data + 4 * i, 4);
    } else {
      std::memcpy(&half, view.data + 2 * i, 2);
      out[i] = view.dtype == DType::kF16 ? half_to_float(half) : bf16_to_float(half);
    }
  }
  return out;
}

}  // namespace heng::test
