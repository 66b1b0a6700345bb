// Where the reference data of the original programs lies. It is not part of this repository: tests
// that need it skip by name where it is absent, and fail where HENG_REQUIRE_GOLDEN is set (as CI
// does).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace heng::test {

// Empty where there is none.
inline std::filesystem::path golden_dir() {
  const char* named = std::getenv("HENG_GOLDEN");
  const std::filesystem::path path =
      named ? named : std::filesystem::path(HENG_SOURCE_DIR) / "../shared/golden";
  return std::filesystem::is_directory(path) ? std::filesystem::canonical(path)
                                             : std::filesystem::path();
}

// One JSON object a line.
inline std::vector<nlohmann::json> read_jsonl(const std::filesystem::path& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path;
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  }
  EXPECT_FALSE(rows.empty()) << path;
  return rows;
}

}  // namespace heng::test

// At the head of a test: skips it aloud where golden/<file> is absent.
#define HENG_NEEDS_GOLDEN(file)                                                            \
  do {                                                                                     \
    const auto heng_dir = ::heng::test::golden_dir();                                      \
    if (heng_dir.empty() || !std::filesystem::exists(heng_dir / (file))) {                 \
      if (std::getenv("HENG_REQUIRE_GOLDEN")) FAIL() << "golden data missing: " << (file); \
      GTEST_SKIP() << "needs golden data: " << (file);                                     \
    }                                                                                      \
  } while (false)
