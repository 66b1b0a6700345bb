// JSON as the values of a chat template; what strings it has, a message brought.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja.h"

namespace heng::test {

inline text::jinja::Value jinja_value(text::jinja::Run& run, const nlohmann::ordered_json& json) {
  using text::jinja::Text;
  using text::jinja::Value;
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return Text::of_message(json.get<std::string>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const auto& item : json) items.push_back(jinja_value(run, item));
    return make_list(run, std::move(items));
  }
  if (!json.is_object()) return text::jinja::None();
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [key, value] : json.items()) {
    items.emplace_back(Text::of_message(key), jinja_value(run, value));
  }
  return make_dict(run, std::move(items));
}

inline text::jinja::Variables jinja_variables(const nlohmann::ordered_json& object) {
  text::jinja::Run run("", "variables", {});
  text::jinja::Variables variables;
  for (const auto& [name, value] : object.items()) {
    variables.emplace_back(name, jinja_value(run, value));
  }
  return variables;
}

}  // namespace heng::test
