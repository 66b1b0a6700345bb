// Where the default model (fetched by `make chat`) lies on this machine: $HENG_DEFAULT_MODEL, else
// the model cache. Tests that need it skip by name where it is absent, and fail where
// HENG_REQUIRE_GOLDEN is set (as CI does).
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace heng::test {

inline std::filesystem::path default_model_path() {
  if (const char* named = std::getenv("HENG_DEFAULT_MODEL")) return named;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base = cache && *cache
                                         ? std::filesystem::path(cache)
                                         : std::filesystem::path(home ? home : "/") / ".cache";
  return base / "heng" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

}  // namespace heng::test

// At the head of a test: skips it aloud where the default model is absent.
#define HENG_NEEDS_DEFAULT_MODEL()                                                               \
  do {                                                                                           \
    const auto heng_model = ::heng::test::default_model_path();                                  \
    if (!std::filesystem::exists(heng_model)) {                                                  \
      if (std::getenv("HENG_REQUIRE_GOLDEN")) FAIL() << "default model missing: " << heng_model; \
      GTEST_SKIP() << "needs the default model: " << heng_model;                                 \
    }                                                                                            \
  } while (false)
