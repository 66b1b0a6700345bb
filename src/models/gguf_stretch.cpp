#include "models/gguf_stretch.h"

#include "base/message.h"
#include "heng/error.h"

namespace heng::models {
namespace {

constexpr const char* kType = "heng.rope.scaling.type";
constexpr const char* kFactor = "heng.rope.scaling.factor";
constexpr const char* kLogN = "heng.attention.log_n";
constexpr const char* kLongest = "heng.max_context_length";

constexpr int64_t kMostContext = 1 << 24;
constexpr double kMostFactor = 1 << 20;

}  // namespace

bool has_stretch(const DecoderSpec& spec) {
  return spec.rope.scaling == RopeScaling::kDynamic ||
         spec.rope.scaling == RopeScaling::kQwenDynamic || spec.rope.log_n;
}

void write_stretch(const DecoderSpec& spec, checkpoint::GgufWriter& out) {
  if (!has_stretch(spec)) return;
  if (spec.rope.scaling == RopeScaling::kQwenDynamic) out.set(kType, "qwen_dynamic");
  if (spec.rope.scaling == RopeScaling::kDynamic) {
    out.set(kType, "dynamic");
    out.set(kFactor, spec.rope.factor);
  }
  out.set(kLogN, spec.rope.log_n);
  out.set(kLongest, static_cast<uint32_t>(spec.max_context));
}

void read_stretch(const checkpoint::Checkpoint& checkpoint, DecoderSpec& spec) {
  const JsonObject meta(checkpoint.config(), checkpoint.config_file());
  if (!meta.has(kLongest)) return;
  spec.max_context = static_cast<size_t>(meta.integer(kLongest, 1, kMostContext));
  spec.rope.log_n = meta.boolean_or(kLogN, false);
  const std::string type = meta.string_or(kType, "none");
  if (type == "qwen_dynamic") {
    spec.rope.scaling = RopeScaling::kQwenDynamic;
  } else if (type == "dynamic") {
    spec.rope.scaling = RopeScaling::kDynamic;
    const double factor = meta.number(kFactor);
    if (factor < 1 || factor > kMostFactor) meta.fail(kFactor, "expected 1 to 1048576");
    spec.rope.factor = static_cast<float>(factor);
  } else if (type != "none") {
    throw Error(ErrorCode::kUnsupported, meta.where(kType) + " is \"" + printable(type) +
                                             "\", expected qwen_dynamic or dynamic.");
  }
}

}  // namespace heng::models
