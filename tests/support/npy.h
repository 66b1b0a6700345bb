// Reads .npy files of float32 or int32 in C order (version 1).
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace heng::test {

// `name` is named where a check fails.
template <typename T>
std::vector<T> parse_npy(const std::string& bytes, const std::string& name) {
  EXPECT_GT(bytes.size(), 10u) << name;
  if (bytes.size() < 10) return {};
  const size_t start = 10 + static_cast<uint8_t>(bytes[8]) + 256 * static_cast<uint8_t>(bytes[9]);
  const std::string type = std::is_same_v<T, float> ? "<f4" : "<i4";
  EXPECT_NE(bytes.substr(10, start - 10).find(type), std::string::npos) << name;
  EXPECT_NE(bytes.substr(10, start - 10).find("'fortran_order': False"), std::string::npos) << name;
  std::vector<T> out((bytes.size() - start) / sizeof(T));
  std::memcpy(out.data(), bytes.data() + start, out.size() * sizeof(T));
  return out;
}

template <typename T>
std::vector<T> read_npy(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return parse_npy<T>(std::string((std::istreambuf_iterator<char>(in)), {}), path.string());
}

}  // namespace heng::test
