// GPTQ checkpoints as AutoGPTQ, GPTQModel and transformers write them: quant_method "gptq" in
// config.json, or quantize_config.json beside it. Zeros are stored less one, except in
// checkpoint_format "gptq_v2". Embeddings and head are plain. Source: AutoGPTQ 0.7.1,
// quantization/config.py; GPTQModel 2, quantization/config.py.
#include "base/message.h"
#include "heng/error.h"
#include "models/group_weights.h"

namespace heng::models {
namespace {

using checkpoint::Checkpoint;

constexpr std::string_view kName = "gptq";

bool suits(const Checkpoint& checkpoint) {
  const auto q = checkpoint.quantization();
  // The oldest files name no method; other methods' have no group_size.
  return q && q->string_or("quant_method", q->has("group_size") ? kName : "") == kName;
}

[[noreturn]] void unsupported(const JsonObject& q, std::string_view key,
                              const std::string& problem) {
  throw Error(ErrorCode::kUnsupported, q.where(key) + " " + problem);
}

// A setting that must have this value, or one that stands for it by its absence.
void need_string(const JsonObject& q, std::string_view key, std::string_view expected) {
  const std::string found = q.string_or(key, expected);
  if (found == expected) return;
  unsupported(q, key,
              "is \"" + printable(found) + "\", expected \"" + std::string(expected) + "\".");
}

// GPTQModel's rules for single modules: "-:..." leaves some out, which their tensors say as well.
void check_dynamic(const JsonObject& q) {
  const auto rules = q.object("dynamic");
  if (!rules) return;
  for (const auto& rule : rules->raw().items()) {
    if (rule.key().starts_with("-:")) continue;
    unsupported(q, "dynamic",
                "gives modules bits of their own (\"" + printable(rule.key()) +
                    "\"), expected the same for all.");
  }
}

GroupLayout read_layout(const Checkpoint& checkpoint) {
  const JsonObject q = *checkpoint.quantization();
  GroupLayout layout;
  layout.bits = static_cast<uint32_t>(q.integer("bits", 1, 64));
  if (layout.bits != 4 && layout.bits != 8) {
    unsupported(q, "bits", "is " + std::to_string(layout.bits) + ", expected 4 or 8.");
  }
  layout.group_size = read_group_size(q, "group_size");
  layout.has_g_idx = true;
  layout.act_order = q.boolean_or("desc_act", false);
  const std::string format = q.string_or("checkpoint_format", kName);
  if (format != kName && format != "gptq_v2") {
    unsupported(q, "checkpoint_format",
                "is \"" + printable(format) + "\", expected \"gptq\" or \"gptq_v2\".");
  }
  layout.zero_add = format == kName ? 1 : 0;
  if (q.boolean_or("is_marlin_format", false)) {
    unsupported(q, "is_marlin_format", "is true, expected the checkpoint before its conversion.");
  }
  need_string(q, "pack_dtype", "int32");
  check_dynamic(q);
  return layout;
}

std::optional<WeightSource> find(const Checkpoint& checkpoint, const TensorRef& ref, uint64_t rows,
                                 uint64_t cols) {
  return find_group_matrix(checkpoint, read_layout(checkpoint), ref, rows, cols);
}

std::string describe(const Checkpoint& checkpoint) {
  const GroupLayout layout = read_layout(checkpoint);
  return std::string(kName) + " " + describe_groups(layout) +
         (layout.act_order ? ", act-order" : "");
}

}  // namespace

extern const PackedLayout kGptq;
const PackedLayout kGptq{.name = kName, .suits = suits, .find = find, .describe = describe};

}  // namespace heng::models
