// adapter_config.json of a LoRA adapter, as PEFT writes it: the rank and scale of each changed
// module. What changes a model in other ways than by W + scale * B A is refused. Source: peft 0.15,
// tuners/lora/config.py and LoraLayer.update_layer. A value; safe to share.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace heng::checkpoint {

struct LoraConfig {
  std::string base_model;  // base_model_name_or_path: what it was trained on; may be empty
  uint64_t rank = 0;       // r
  double alpha = 0;
  bool root_scale = false;  // use_rslora: alpha / sqrt(r) instead of alpha / r
  // Names that modules end in. Empty: the adapter says it by a regular expression or not at all.
  std::set<std::string, std::less<>> targets;
  std::vector<std::string> modules_to_save;
  // Module name, its end, or "^" and the whole name -> what it has instead of `rank` and `alpha`.
  std::map<std::string, uint64_t, std::less<>> ranks;
  std::map<std::string, double, std::less<>> alphas;

  // Of the module of that name, such as "model.layers.0.self_attn.q_proj". Throw Error kCorrupt
  // where two patterns say different things of it.
  uint64_t rank_of(std::string_view module) const;
  float scale_of(std::string_view module) const;
  // The targets that mean this module.
  std::vector<std::string_view> targets_of(std::string_view module) const;
};

// Throws Error kCorrupt, kUnsupported naming the field.
LoraConfig parse_lora_config(const JsonObject& config);

}  // namespace heng::checkpoint
