// AWQ checkpoints of AutoAWQ in its "gemm" layout: quant_method "awq" in config.json. Modules of
// modules_to_not_convert are plain, as their tensors say. Source: AutoAWQ 0.2.5, models/_config.py,
// modules/linear/gemm.py; transformers 4.37.2, utils/quantization_config.py.
#include <algorithm>

#include "base/message.h"
#include "heng/error.h"
#include "models/group_weights.h"

namespace heng::models {
namespace {

using checkpoint::Checkpoint;

constexpr std::string_view kName = "awq";

bool suits(const Checkpoint& checkpoint) {
  const auto q = checkpoint.quantization();
  return q && q->string_or("quant_method", "") == kName;
}

// A setting that must have this value, however its letters are written.
void need(const JsonObject& q, std::string_view key, std::string_view expected) {
  const std::string found = q.string_or(key, expected);
  std::string lower = found;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == expected) return;
  throw Error(ErrorCode::kUnsupported, q.where(key) + " is \"" + printable(found) +
                                           "\", expected \"" + std::string(expected) + "\".");
}

GroupLayout read_layout(const Checkpoint& checkpoint) {
  const JsonObject q = *checkpoint.quantization();
  need(q, "version", "gemm");
  need(q, "backend", "autoawq");
  const int64_t bits = q.integer("bits", 1, 64);
  if (bits != 4) {
    throw Error(ErrorCode::kUnsupported,
                q.where("bits") + " is " + std::to_string(bits) + ", expected 4.");
  }
  GroupLayout layout;
  layout.words = GroupLayout::Words::kOfOutputs;
  layout.group_size = read_group_size(q, "group_size");
  // Nibbles hold outputs 0 2 4 6 1 3 5 7.
  layout.lanes = {0, 4, 1, 5, 2, 6, 3, 7};
  return layout;
}

std::optional<WeightSource> find(const Checkpoint& checkpoint, const TensorRef& ref, uint64_t rows,
                                 uint64_t cols) {
  return find_group_matrix(checkpoint, read_layout(checkpoint), ref, rows, cols);
}

std::string describe(const Checkpoint& checkpoint) {
  return std::string(kName) + " " + describe_groups(read_layout(checkpoint));
}

}  // namespace

extern const PackedLayout kAwq;
const PackedLayout kAwq{.name = kName, .suits = suits, .find = find, .describe = describe};

}  // namespace heng::models
