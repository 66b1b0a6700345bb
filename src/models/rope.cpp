#include "models/rope.h"

#include <algorithm>
#include <cmath>

namespace heng::models {

float prefill_rope_base(const DecoderSpec& spec, size_t length) {
  if (!spec.rope.dynamic_ntk || length <= spec.trained_context) return spec.rope.base;
  const double context_value =
      std::log2(static_cast<double>(length) / static_cast<double>(spec.trained_context)) + 1;
  const double alpha = std::max(std::exp2(std::ceil(context_value)) - 1, 1.0);
  const double d = static_cast<double>(spec.rope.dims);
  return static_cast<float>(spec.rope.base * std::pow(alpha, d / (d - 2)));
}

void fill_rotation(const RopeSpec& rope, float base, size_t start, size_t n, float* cosine,
                   float* sine) {
  const size_t half = rope.dims / 2;
  std::vector<float> inverse_frequency(half);
  for (size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(rope.dims);
    inverse_frequency[i] = 1.0f / std::pow(base, exponent);
  }
  for (size_t t = 0; t < n; ++t) {
    for (size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(start + t) * inverse_frequency[i];
      cosine[t * half + i] = std::cos(angle);
      sine[t * half + i] = std::sin(angle);
    }
  }
}

float log_n_factor(const DecoderSpec& spec, size_t pos) {
  if (!spec.rope.log_n || pos + 1 <= spec.trained_context) return 1.0f;
  return static_cast<float>(std::log(static_cast<double>(pos + 1)) /
                            std::log(static_cast<double>(spec.trained_context)));
}

}  // namespace heng::models
