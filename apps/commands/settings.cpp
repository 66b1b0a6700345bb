#include "commands/settings.h"

#include <charconv>
#include <optional>

#include "base/message.h"
#include "heng/error.h"

namespace heng::commands {
namespace {

using terminal::Phrase;

[[noreturn]] void refuse(std::string_view key, const std::string& value, const char* expected) {
  throw Error(ErrorCode::kInvalidArgument,
              std::string(key) + " is \"" + printable(value) + "\", expected " + expected + ".");
}

template <typename T>
T parse(std::string_view key, const std::string& value, const char* expected) {
  T number{};
  const char* end = value.data() + value.size();
  const auto result = std::from_chars(value.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) refuse(key, value, expected);
  return number;
}

void assign(bool& target, std::string_view key, const std::string& value) {
  if (value != "true" && value != "false" && value != "1" && value != "0") {
    refuse(key, value, "true or false");
  }
  target = value == "true" || value == "1";
}

void assign(double& target, std::string_view key, const std::string& value) {
  target = parse<double>(key, value, "a number");
}

void assign(int64_t& target, std::string_view key, const std::string& value) {
  target = parse<int64_t>(key, value, "an integer");
}

template <typename T>
void assign(std::optional<T>& target, std::string_view key, const std::string& value) {
  if (value == "none") {
    target.reset();
  } else {
    target = parse<T>(key, value, "an integer of at least 0, or none");
  }
}

std::string show(bool value) {
  return value ? "true" : "false";
}
std::string show(double value) {
  return fmt::format("{:g}", value);
}
std::string show(int64_t value) {
  return std::to_string(value);
}
template <typename T>
std::string show(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "none";
}

template <auto member>
constexpr Setting setting(std::string_view key, Phrase meaning) {
  return {key, meaning,
          [](GenerationConfig& config, std::string_view name, const std::string& value) {
            assign(config.*member, name, value);
          },
          [](const GenerationConfig& config) { return show(config.*member); }};
}

using G = GenerationConfig;
constexpr Setting kSettings[] = {
    setting<&G::do_sample>("do_sample", Phrase::kMeansDoSample),
    setting<&G::temperature>("temperature", Phrase::kMeansTemperature),
    setting<&G::top_k>("top_k", Phrase::kMeansTopK),
    setting<&G::top_p>("top_p", Phrase::kMeansTopP),
    setting<&G::repetition_penalty>("repetition_penalty", Phrase::kMeansRepetitionPenalty),
    setting<&G::seed>("seed", Phrase::kMeansSeed),
    setting<&G::max_new_tokens>("max_new_tokens", Phrase::kMeansMaxNewTokens),
    setting<&G::min_new_tokens>("min_new_tokens", Phrase::kMeansMinNewTokens),
    setting<&G::max_length>("max_length", Phrase::kMeansMaxLength),
    setting<&G::min_length>("min_length", Phrase::kMeansMinLength),
    setting<&G::max_window_size>("max_window_size", Phrase::kMeansMaxWindowSize),
    setting<&G::speculate>("speculate", Phrase::kMeansSpeculate),
};

}  // namespace

std::span<const Setting> all_settings() {
  return kSettings;
}

void set_setting(GenerationConfig& config, std::string_view key, const std::string& value) {
  std::string keys;
  for (const Setting& setting : kSettings) {
    keys += (keys.empty() ? "" : ", ") + std::string(setting.key);
    if (setting.key != key) continue;
    GenerationConfig changed = config;
    setting.set(changed, key, value);
    if (key == "temperature" || key == "top_k" || key == "top_p") changed.do_sample = true;
    if (key == "temperature" && changed.temperature == 0) {
      changed.do_sample = false;
      changed.temperature = 1.0;
    }
    changed.check();
    config = changed;
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "no setting \"" + printable(key) + "\". Settings: " + keys + ".");
}

std::string summary(const GenerationConfig& config) {
  std::string text = "greedy";
  if (config.do_sample) {
    text = fmt::format("temperature {:g}, top_p {:g}, top_k {}", config.temperature, config.top_p,
                       config.top_k);
  }
  if (config.repetition_penalty != 1.0) {
    text += fmt::format(", repetition_penalty {:g}", config.repetition_penalty);
  }
  return text + fmt::format(", up to {} tokens", with_commas(config.max_new_tokens));
}

}  // namespace heng::commands
