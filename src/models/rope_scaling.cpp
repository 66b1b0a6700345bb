#include "models/rope_scaling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>

#include "base/message.h"
#include "formats/format.h"
#include "heng/error.h"

namespace heng::models {
namespace {

constexpr int64_t kMostContext = 1 << 24;

float number_within(const JsonObject& o, const std::string& key, double low, double high,
                    double otherwise) {
  const double value = o.number_or(key, otherwise);
  if (!(value >= low && value <= high)) {
    std::array<char, 64> range{};
    std::snprintf(range.data(), range.size(), "expected a number from %g to %g", low, high);
    o.fail(key, range.data());
  }
  return static_cast<float>(value);
}

float read_factor(const JsonObject& o, const std::string& key) {
  if (!o.has(key)) o.fail(key, "missing, expected a number of 1 or more");
  return number_within(o, key, 1, 1 << 20, 1);
}

size_t stretched(size_t context, float factor) {
  const double longest = std::floor(static_cast<double>(context) * factor);
  return static_cast<size_t>(std::min(longest, static_cast<double>(kMostContext)));
}

void check_bounds(const JsonObject& o, const RopeSpec& rope, const char* low, const char* high) {
  if (rope.low < rope.high) return;
  o.fail(high, "expected more than " + std::string(low));
}

void finish_yarn(DecoderSpec& spec) {
  spec.max_context =
      std::max(spec.max_context, stretched(spec.rope.original_context, spec.rope.factor));
  spec.trained_context = spec.rope.original_context;
}

void read_yarn(const JsonObject& o, DecoderSpec& spec) {
  RopeSpec& rope = spec.rope;
  rope.scaling = RopeScaling::kYarn;
  rope.factor = read_factor(o, "factor");
  rope.original_context = static_cast<size_t>(o.integer_or(
      "original_max_position_embeddings", 1, kMostContext, static_cast<int64_t>(spec.max_context)));
  rope.low = number_within(o, "beta_slow", 1e-3, 1e6, 1);
  rope.high = number_within(o, "beta_fast", 1e-3, 1e6, 32);
  check_bounds(o, rope, "beta_slow", "beta_fast");
  if (!o.boolean_or("truncate", true)) {
    throw Error(ErrorCode::kUnsupported, o.where("truncate") + " is false, expected true.");
  }
  double sharpness = yarn_sharpness(rope.factor, 1);
  if (o.number_or("mscale", 0) != 0 && o.number_or("mscale_all_dim", 0) != 0) {
    sharpness = yarn_sharpness(rope.factor, o.number("mscale")) /
                yarn_sharpness(rope.factor, o.number("mscale_all_dim"));
  }
  rope.attention_factor = number_within(o, "attention_factor", 1e-3, 1e3, sharpness);
  finish_yarn(spec);
}

void read_llama3(const JsonObject& o, DecoderSpec& spec) {
  RopeSpec& rope = spec.rope;
  rope.scaling = RopeScaling::kLlama3;
  rope.factor = read_factor(o, "factor");
  rope.original_context =
      static_cast<size_t>(o.integer("original_max_position_embeddings", 1, kMostContext));
  for (const char* key : {"low_freq_factor", "high_freq_factor"}) {
    if (!o.has(key)) o.fail(key, "missing, expected a number");
  }
  rope.low = number_within(o, "low_freq_factor", 1e-3, 1e6, 1);
  rope.high = number_within(o, "high_freq_factor", 1e-3, 1e6, 4);
  check_bounds(o, rope, "low_freq_factor", "high_freq_factor");
}

// "type" before transformers 4.43, "rope_type" from then on.
std::string type_of(const JsonObject& o) {
  if (o.has("rope_type") || !o.has("type")) return o.string("rope_type");
  return o.string("type");
}

[[noreturn]] void unknown_type(const std::string& where, std::string_view type,
                               std::string_view supported) {
  throw Error(ErrorCode::kUnsupported,
              where + ": rope scaling \"" + printable(type) +
                  "\" is not supported. Supported: " + std::string(supported) + ".");
}

// ggml's yarn sharpens by itself; the file may add a factor.
void read_gguf_yarn(const JsonObject& meta, const std::string& prefix, DecoderSpec& spec) {
  RopeSpec& rope = spec.rope;
  rope.scaling = RopeScaling::kYarn;
  rope.factor = read_factor(meta, prefix + "factor");
  rope.original_context = static_cast<size_t>(meta.integer_or(
      prefix + "original_context_length", 1, kMostContext, static_cast<int64_t>(spec.max_context)));
  rope.low = number_within(meta, prefix + "yarn_beta_slow", 1e-3, 1e6, 1);
  rope.high = number_within(meta, prefix + "yarn_beta_fast", 1e-3, 1e6, 32);
  check_bounds(meta, rope, "yarn_beta_slow", "yarn_beta_fast");
  for (const char* key : {"yarn_ext_factor", "yarn_attn_factor", "yarn_log_multiplier"}) {
    if (!meta.has(prefix + key)) continue;
    throw Error(ErrorCode::kUnsupported, meta.where(prefix + key) + " is not supported.");
  }
  const double sharpness = yarn_sharpness(rope.factor, 1);
  rope.attention_factor =
      static_cast<float>(sharpness * number_within(meta, prefix + "attn_factor", 1e-3, 1e3, 1));
  finish_yarn(spec);
}

// LLaMA 3's conversion to GGUF leaves what its frequencies are divided by.
void read_divisors(const checkpoint::TensorEntry& entry, DecoderSpec& spec) {
  const std::string name = entry.file + ": tensor " + entry.name;
  const Shape expected{spec.rope.dims / 2};
  if (entry.view.shape != expected || entry.view.dtype != DType::kF32) {
    throw Error(ErrorCode::kCorrupt, name + " is " + std::string(dtype_name(entry.view.dtype)) +
                                         " " + to_string(entry.view.shape) + ", expected f32 " +
                                         to_string(expected) + ".");
  }
  if (spec.rope.scaling != RopeScaling::kNone) {
    throw Error(ErrorCode::kUnsupported,
                name + " and rope.scaling.type together are not supported.");
  }
  spec.rope.scaling = RopeScaling::kDivisors;
  spec.rope.divisors.resize(expected[0]);
  formats::find_format(DType::kF32)
      ->decode_row(entry.view.data, spec.rope.divisors.data(), expected[0]);
  for (const float divisor : spec.rope.divisors) {
    if (divisor > 0 && std::isfinite(divisor)) continue;
    throw Error(ErrorCode::kCorrupt,
                name + " holds a value that is no positive number. The file is damaged.");
  }
}

}  // namespace

double yarn_sharpness(double factor, double m) {
  return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1;
}

void read_rope_scaling(const JsonObject& config, DecoderSpec& spec) {
  const bool newer = !config.has("rope_scaling");
  const auto scaling = config.object(newer ? "rope_parameters" : "rope_scaling");
  if (!scaling) return;
  const std::string type = type_of(*scaling);
  if (type == "default") return;
  if (type == "linear" || type == "dynamic") {
    spec.rope.scaling = type == "linear" ? RopeScaling::kLinear : RopeScaling::kDynamic;
    spec.rope.factor = read_factor(*scaling, "factor");
    spec.max_context = stretched(spec.max_context, spec.rope.factor);
  } else if (type == "yarn") {
    read_yarn(*scaling, spec);
  } else if (type == "llama3") {
    read_llama3(*scaling, spec);
  } else {
    unknown_type(scaling->where(scaling->has("rope_type") ? "rope_type" : "type"), type,
                 "default, linear, dynamic, yarn, llama3");
  }
}

void read_gguf_rope_scaling(std::string_view architecture, const checkpoint::Checkpoint& checkpoint,
                            DecoderSpec& spec) {
  const JsonObject meta(checkpoint.config(), checkpoint.config_file());
  const std::string prefix = std::string(architecture) + ".rope.scaling.";
  const std::string old_factor = std::string(architecture) + ".rope.scale_linear";
  // Files that name a factor alone mean linear scaling; 0 means none.
  const std::string factor = meta.has(prefix + "factor") ? prefix + "factor" : old_factor;
  const bool scaled = meta.has(factor) && meta.number(factor) != 0;
  const std::string type = meta.string_or(prefix + "type", scaled ? "linear" : "none");
  if (type == "linear" && scaled) {
    spec.rope.scaling = RopeScaling::kLinear;
    spec.rope.factor = read_factor(meta, factor);
    spec.max_context = stretched(spec.max_context, spec.rope.factor);
  } else if (type == "yarn") {
    read_gguf_yarn(meta, prefix, spec);
  } else if (type != "none" && type != "linear") {
    unknown_type(meta.where(prefix + "type"), type, "none, linear, yarn");
  }
  for (const char* name : {"rope_factors_long.weight", "rope_factors_short.weight"}) {
    if (checkpoint.find(name) == nullptr) continue;
    unknown_type(checkpoint.config_file() + ": tensor " + name, "longrope", "none, linear, yarn");
  }
  if (const auto* entry = checkpoint.find("rope_freqs.weight")) read_divisors(*entry, spec);
}

}  // namespace heng::models
