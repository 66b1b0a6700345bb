// Reads tests/formats/data/<format>.json, which tools/make_format_golden.py wrote with the gguf
// package.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/hex.h"

namespace heng::test {

struct GoldenRow {
  std::string what;
  std::vector<std::byte> bytes;
  std::vector<float> weights;
};

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
    rows.push_back({row.at("what"), from_hex(row.at("bytes").get<std::string>()),
                    floats_from_hex(row.at("weights").get<std::string>())});
  }
  return rows;
}

}  // namespace heng::test
