// The reference rows of Qwen's openai_api.py, in the order of their keys.
#pragma once

#include <string>
#include <vector>

#include "support/golden.h"

namespace heng::test {

// Those of one kind: "build", "parse", "stop".
inline std::vector<nlohmann::ordered_json> react_rows(const std::string& kind) {
  std::ifstream file(golden_dir() / "eval" / "react.jsonl");
  std::vector<nlohmann::ordered_json> found;
  for (std::string line; std::getline(file, line);) {
    auto row = nlohmann::ordered_json::parse(line);
    if (row["kind"] == kind) found.push_back(std::move(row));
  }
  return found;
}

}  // namespace heng::test
