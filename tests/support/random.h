// Random numbers for tests: the same on every machine and in every run.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace heng::test {

inline std::vector<float> normal_floats(size_t n, uint32_t seed, float deviation = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> out(n);
  for (float& x : out) x = normal(generator);
  return out;
}

}  // namespace heng::test
