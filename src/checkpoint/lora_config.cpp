#include "checkpoint/lora_config.h"

#include <array>
#include <cmath>

#include "base/message.h"

namespace heng::checkpoint {
namespace {

constexpr int64_t kMostRank = 1 << 16;

// Calls visit(end) for the module's whole name and for each end of it: "a.b.c", "b.c", "c".
template <typename Visit>
void for_each_end(std::string_view module, const Visit& visit) {
  visit(module);
  for (size_t dot = module.find('.'); dot != std::string_view::npos;
       dot = module.find('.', dot + 1)) {
    visit(module.substr(dot + 1));
  }
}

template <typename T>
T value_for(const std::map<std::string, T, std::less<>>& patterns, std::string_view module,
            T otherwise) {
  const T* found = nullptr;
  const auto look = [&](std::string_view pattern) {
    const auto it = patterns.find(pattern);
    if (it == patterns.end()) return;
    if (found && *found != it->second) {
      throw Error(ErrorCode::kCorrupt, "adapter_config.json: two patterns name module " +
                                           printable(module) + " and give it different values.");
    }
    found = &it->second;
  };
  for_each_end(module, look);
  look("^" + std::string(module));
  return found ? *found : otherwise;
}

void refuse(const JsonObject& c, std::string_view key, const std::string& why) {
  throw Error(ErrorCode::kUnsupported, c.where(key) + ": " + why);
}

// Fields that make an adapter more than W + scale * B A, with what they stand for. Absent, null,
// false and empty mean that it does not do so.
void refuse_other_kinds(const JsonObject& c) {
  struct Switch {
    std::string_view key, meaning;
  };
  constexpr std::array<Switch, 13> kSwitches{
      {{"use_dora", "DoRA scales the columns of the sum"},
       {"lora_bias", "B has a bias"},
       {"fan_in_fan_out", "weights are stored [in, out]"},
       {"use_qalora", "QA-LoRA pools the inputs"},
       {"alora_invocation_tokens", "aLoRA acts on part of a text only"},
       {"trainable_token_indices", "single rows of the embedding are replaced"},
       {"layer_replication", "layers are repeated"},
       {"target_parameters", "parameters outside of linear layers are changed"},
       {"use_bdlora", "A or B is block-diagonal"},
       {"kasa_config", "KaSA puts singular values between B and A"},
       {"monteclora_config", "MonteCLoRA samples A"},
       {"velora_config", "VeLoRA changes the inputs"},
       {"arrow_config", "Arrow chooses between adapters for each token"}}};
  for (const Switch& s : kSwitches) {
    if (!c.has(s.key)) continue;
    const Json& value = c.raw()[std::string(s.key)];
    if (value == false || (value.is_structured() && value.empty())) continue;
    refuse(c, s.key, "is set (" + std::string(s.meaning) + "), which is not supported.");
  }
  const std::string bias = c.string_or("bias", "none");
  if (bias != "none") refuse(c, "bias", "is \"" + printable(bias) + "\", expected \"none\".");
  // These start from a changed base, which the adapter does not hold.
  if (c.has("init_lora_weights") && c.raw()["init_lora_weights"].is_string()) {
    const std::string how = c.string("init_lora_weights");
    for (const std::string_view changes_base : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
      if (!how.starts_with(changes_base)) continue;
      refuse(c, "init_lora_weights",
             "is \"" + printable(how) +
                 "\": such an adapter fits a base that was changed with it. Save it converted to "
                 "plain LoRA (path_initial_model_for_weight_conversion).");
    }
  }
}

// The members of rank_pattern or alpha_pattern.
template <typename T, typename Read>
std::map<std::string, T, std::less<>> read_patterns(const JsonObject& c, std::string_view key,
                                                    const Read& read) {
  std::map<std::string, T, std::less<>> out;
  const auto object = c.object(key);
  if (!object) return out;
  for (const auto& [name, value] : object->raw().items()) {
    if (name.empty() || name.find_first_of("*+?()[]{}|\\$") != std::string::npos) {
      refuse(*object, printable(name), "a regular expression; expected a module's name.");
    }
    out[name] = read(*object, name);
  }
  return out;
}

double read_alpha(const JsonObject& c, std::string_view key) {
  const double alpha = c.number(key);
  constexpr double kMost = 1e6;
  if (alpha == 0 || std::abs(alpha) > kMost)
    c.fail(key, "expected a number up to 1,000,000, not 0");
  return alpha;
}

}  // namespace

uint64_t LoraConfig::rank_of(std::string_view module) const {
  return value_for(ranks, module, rank);
}

float LoraConfig::scale_of(std::string_view module) const {
  const auto r = static_cast<double>(rank_of(module));
  return static_cast<float>(value_for(alphas, module, alpha) / (root_scale ? std::sqrt(r) : r));
}

std::vector<std::string_view> LoraConfig::targets_of(std::string_view module) const {
  std::vector<std::string_view> found;
  for_each_end(module, [&](std::string_view end) {
    const auto it = targets.find(end);
    if (it != targets.end()) found.push_back(*it);
  });
  return found;
}

LoraConfig parse_lora_config(const JsonObject& c) {
  const std::string type = c.string("peft_type");
  if (type != "LORA") {
    refuse(c, "peft_type", "is \"" + printable(type) + "\", expected \"LORA\".");
  }
  refuse_other_kinds(c);
  const auto read_rank = [](const JsonObject& object, std::string_view key) {
    return static_cast<uint64_t>(object.integer(key, 1, kMostRank));
  };
  LoraConfig config;
  config.base_model = c.string_or("base_model_name_or_path", "");
  config.rank = read_rank(c, "r");
  config.alpha = read_alpha(c, "lora_alpha");
  config.root_scale = c.boolean_or("use_rslora", false);
  const auto targets = c.strings_or_empty("target_modules");
  if (c.has("target_modules") && c.raw()["target_modules"].is_array()) {
    if (targets.empty()) c.fail("target_modules", "expected the names of the changed modules");
    config.targets.insert(targets.begin(), targets.end());
  }
  config.modules_to_save = c.strings_or_empty("modules_to_save");
  config.ranks = read_patterns<uint64_t>(c, "rank_pattern", read_rank);
  config.alphas = read_patterns<double>(c, "alpha_pattern", read_alpha);
  return config;
}

}  // namespace heng::checkpoint
