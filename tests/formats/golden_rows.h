// Reads tests/formats/data/<format>.json, which tools/make_format_golden.py wrote with the gguf
// package.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace heng::test {

struct GoldenRow {
  std::string what;
  std::vector<std::byte> bytes;
  std::vector<float> weights;
};

inline std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// `part` is "decode" or "encode". Fails the test where the file is not there.
inline std::vector<GoldenRow> golden_rows(std::string_view format, const char* part) {
  const std::string path =
      std::string(HENG_SOURCE_DIR) + "/tests/formats/data/" + std::string(format) + ".json";
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path << " is missing: run tools/make_format_golden.py";
  if (!in.good()) return {};
  const nlohmann::json golden = nlohmann::json::parse(in);
  std::vector<GoldenRow> rows;
  for (const auto& row : golden.at(part)) {
    const auto weights = from_hex(row.at("weights").get<std::string>());
    GoldenRow golden_row{row.at("what"), from_hex(row.at("bytes").get<std::string>()), {}};
    golden_row.weights.resize(weights.size() / sizeof(float));
    std::memcpy(golden_row.weights.data(), weights.data(), weights.size());
    rows.push_back(std::move(golden_row));
  }
  return rows;
}

}  // namespace heng::test
