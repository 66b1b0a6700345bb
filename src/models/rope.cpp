#include "models/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace heng::models {
namespace {

// Of pair i, in positions per radian.
float period(const RopeSpec& rope, float base, size_t i) {
  return std::pow(base, static_cast<float>(2 * i) / static_cast<float>(rope.dims));
}

// The dimension, as a fraction of an index, that turns `rotations` times within the original
// context.
double yarn_dimension(const RopeSpec& rope, double base, double rotations) {
  const double dims = static_cast<double>(rope.dims);
  const double waves =
      static_cast<double>(rope.original_context) / (rotations * 2 * std::numbers::pi);
  return dims * std::log(waves) / (2 * std::log(base));
}

void apply_yarn(const RopeSpec& rope, float base, std::vector<float>& frequencies) {
  const double last = static_cast<double>(rope.dims) - 1;
  const double kept_to = std::max(std::floor(yarn_dimension(rope, base, rope.high)), 0.0);
  const double divided_from = std::min(std::ceil(yarn_dimension(rope, base, rope.low)), last);
  const auto begin = static_cast<float>(kept_to);
  const float width = kept_to == divided_from ? 0.001f : static_cast<float>(divided_from - kept_to);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float kept = 1 - std::clamp((static_cast<float>(i) - begin) / width, 0.0f, 1.0f);
    const float divided = 1.0f / (rope.factor * period(rope, base, i));
    frequencies[i] = divided * (1 - kept) + frequencies[i] * kept;
  }
}

void apply_llama3(const RopeSpec& rope, std::vector<float>& frequencies) {
  const auto context = static_cast<float>(rope.original_context);
  const float longest = context / rope.low, shortest = context / rope.high;
  for (float& f : frequencies) {
    const float wave = 2 * std::numbers::pi_v<float> / f;
    if (wave < shortest) continue;
    if (wave > longest) {
      f /= rope.factor;
    } else {
      const float smooth = (context / wave - rope.low) / (rope.high - rope.low);
      f = (1 - smooth) * f / rope.factor + smooth * f;
    }
  }
}

// How many times over the base stands for a sequence of `length` tokens, before the power.
double dynamic_alpha(const DecoderSpec& spec, size_t length) {
  const double stretch =
      static_cast<double>(length) / static_cast<double>(std::max<size_t>(spec.trained_context, 1));
  if (spec.rope.scaling == RopeScaling::kQwenDynamic) {
    return std::max(std::exp2(std::ceil(std::log2(stretch) + 1)) - 1, 1.0);
  }
  return spec.rope.factor * stretch - (spec.rope.factor - 1);
}

}  // namespace

float prefill_rope_base(const DecoderSpec& spec, size_t length) {
  const RopeScaling scaling = spec.rope.scaling;
  const bool grows = scaling == RopeScaling::kQwenDynamic || scaling == RopeScaling::kDynamic;
  if (!grows || length <= spec.trained_context) return spec.rope.base;
  const double d = static_cast<double>(spec.rope.dims);
  return static_cast<float>(spec.rope.base * std::pow(dynamic_alpha(spec, length), d / (d - 2)));
}

float forward_rope_base(const DecoderSpec& spec, float prefill_base, size_t length) {
  if (spec.rope.scaling != RopeScaling::kDynamic) return prefill_base;
  return std::max(prefill_base, prefill_rope_base(spec, length));
}

std::vector<float> inverse_frequencies(const RopeSpec& rope, float base) {
  std::vector<float> frequencies(rope.dims / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = 1.0f / period(rope, base, i);
    if (rope.scaling == RopeScaling::kLinear) frequencies[i] /= rope.factor;
    if (rope.scaling == RopeScaling::kDivisors) frequencies[i] /= rope.divisors[i];
  }
  if (rope.scaling == RopeScaling::kYarn) apply_yarn(rope, base, frequencies);
  if (rope.scaling == RopeScaling::kLlama3) apply_llama3(rope, frequencies);
  return frequencies;
}

void fill_rotation(const RopeSpec& rope, float base, size_t start, size_t n, float* cosine,
                   float* sine) {
  const size_t half = rope.dims / 2;
  const std::vector<float> frequencies = inverse_frequencies(rope, base);
  for (size_t t = 0; t < n; ++t) {
    for (size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(start + t) * frequencies[i];
      cosine[t * half + i] = std::cos(angle) * rope.attention_factor;
      sine[t * half + i] = std::sin(angle) * rope.attention_factor;
    }
  }
}

float log_n_factor(const DecoderSpec& spec, size_t pos) {
  if (!spec.rope.log_n || pos + 1 <= spec.trained_context) return 1.0f;
  return static_cast<float>(std::log(static_cast<double>(pos + 1)) /
                            std::log(static_cast<double>(spec.trained_context)));
}

}  // namespace heng::models
