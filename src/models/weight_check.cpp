#include "models/weight_check.h"

#include <algorithm>
#include <array>
#include <vector>

#include "heng/error.h"

namespace heng::models {
namespace {

using checkpoint::TensorEntry;

// "model.layers.3." for layer 3: what the names of its tensors begin with.
std::string layer_prefix(const WeightRequest& r, size_t layer) {
  const std::string name =
      find_tensor(r.architecture, r.spec, r.checkpoint, Part::kAttentionNorm, layer).name;
  const std::string number = "." + std::to_string(layer) + ".";
  const size_t at = name.find(number);
  return at == std::string::npos ? name : name.substr(0, at + number.size());
}

bool is_zero_bias(const TensorEntry& entry) {
  const formats::WeightFormat* format = formats::find_format(entry.view.dtype);
  const bool is_bias = entry.name.ends_with(".bias") && entry.view.shape.size() == 1;
  if (!is_bias || format == nullptr || format->block_length != 1) return false;
  std::vector<float> values(entry.view.shape[0]);
  format->decode_row(entry.view.data, values.data(), values.size());
  return std::all_of(values.begin(), values.end(), [](float x) { return x == 0; });
}

}  // namespace

bool is_table(std::string_view name) {
  constexpr std::array<std::string_view, 3> kTables = {"rotary_emb.inv_freq",
                                                       "rotary_pos_emb.inv_freq", ".masked_bias"};
  return std::any_of(kTables.begin(), kTables.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

void check_layer_count(const WeightRequest& r) {
  const TensorRef next =
      find_tensor(r.architecture, r.spec, r.checkpoint, Part::kAttentionNorm, r.spec.n_layers);
  if (r.checkpoint.find(next.name) != nullptr) {
    throw Error(ErrorCode::kCorrupt, r.checkpoint.config_file() + ": says " +
                                         std::to_string(r.spec.n_layers) +
                                         " layers, but the files hold tensor " + next.name +
                                         " too. Configuration and weights do not belong together.");
  }
}

void check_all_used(const WeightRequest& r, const std::set<std::string>& used) {
  std::vector<std::string> prefixes;
  for (size_t i = 0; i < r.spec.n_layers; ++i) prefixes.push_back(layer_prefix(r, i));
  for (const TensorEntry& entry : r.checkpoint.tensors()) {
    const bool in_layer = std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& prefix) {
      return entry.name.starts_with(prefix);
    });
    if (!in_layer || used.contains(entry.name) || is_table(entry.name)) continue;
    if (is_zero_bias(entry)) continue;
    throw Error(ErrorCode::kUnsupported,
                entry.file + ": tensor " + entry.name + " has no place in architecture " +
                    std::string(r.architecture.name) +
                    " as it is supported: without it the answers would be wrong.");
  }
}

}  // namespace heng::models
