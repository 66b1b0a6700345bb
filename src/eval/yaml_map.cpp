#include "eval/yaml_map.h"

#include <charconv>
#include <cmath>

#include "base/message.h"

namespace heng::eval {
namespace {

constexpr size_t kMostBytes = size_t{1} << 20;

[[noreturn]] void fail_on_line(int line, std::string_view file, std::string_view problem) {
  throw Error(ErrorCode::kCorrupt, std::string(file) + ":" + std::to_string(line + 1) + ": " +
                                       std::string(problem) + ". docs/tasks.md has the fields.");
}

template <typename T>
bool parse_whole(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace

YAML::Node load_yaml(std::string_view text, std::string_view file) {
  if (text.size() > kMostBytes) fail_on_line(0, file, "over 1 MiB, too long for a task");
  try {
    return YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {
    fail_on_line(std::max(error.mark.line, 0), file, "no YAML: " + printable(error.msg));
  }
}

void fail_at(const YAML::Node& node, std::string_view file, std::string_view problem) {
  fail_on_line(std::max(node.Mark().line, 0), file, problem);
}

std::string yaml_text(const YAML::Node& node, std::string_view file, std::string_view what) {
  if (!node.IsScalar()) fail_at(node, file, std::string(what) + " is no text");
  return node.Scalar();
}

std::vector<std::string> yaml_texts(const YAML::Node& node, std::string_view file,
                                    std::string_view what) {
  if (node.IsScalar()) return {node.Scalar()};
  if (!node.IsSequence()) fail_at(node, file, std::string(what) + " is no list of texts");
  std::vector<std::string> texts;
  for (const auto& item : node) texts.push_back(yaml_text(item, file, what));
  return texts;
}

YamlMap::YamlMap(YAML::Node node, std::string_view file, std::string_view what)
    : node_(std::move(node)), file_(file), what_(what) {
  if (!node_.IsMap())
    fail_at(node_, file_, std::string(what_) + " is no mapping of keys to values");
  std::set<std::string> seen;
  for (const auto& pair : node_) {
    const std::string key = yaml_text(pair.first, file_, "a key");
    if (!seen.insert(key).second)
      fail_at(pair.first, file_, "key " + printable(key) + " is there twice");
  }
}

YAML::Node YamlMap::find(const std::string& key) {
  known_.insert(key);
  for (const auto& pair : node_) {
    if (pair.first.Scalar() == key) return pair.second;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

YAML::Node YamlMap::need(const std::string& key) {
  YAML::Node value = find(key);
  if (!value.IsDefined()) fail_at(node_, file_, std::string(what_) + " lacks " + key);
  return value;
}

std::string YamlMap::text(const std::string& key) {
  return yaml_text(need(key), file_, key);
}

std::string YamlMap::text_or(const std::string& key, std::string_view otherwise) {
  const YAML::Node value = find(key);
  return value.IsDefined() ? yaml_text(value, file_, key) : std::string(otherwise);
}

std::vector<std::string> YamlMap::texts_or_empty(const std::string& key) {
  const YAML::Node value = find(key);
  return value.IsDefined() ? yaml_texts(value, file_, key) : std::vector<std::string>();
}

size_t YamlMap::count_or(const std::string& key, size_t most, size_t otherwise) {
  const YAML::Node node = find(key);
  if (!node.IsDefined()) return otherwise;
  size_t value = 0;
  if (!parse_whole(yaml_text(node, file_, key), value) || value > most) {
    fail_at(
        node, file_,
        key + " is \"" + printable(node.Scalar()) + "\", expected 0 to " + std::to_string(most));
  }
  return value;
}

double YamlMap::number(const std::string& key) {
  const YAML::Node node = need(key);
  double value = 0;
  if (!parse_whole(yaml_text(node, file_, key), value) || !std::isfinite(value)) {
    fail_at(node, file_, key + " is \"" + printable(node.Scalar()) + "\", expected a number");
  }
  return value;
}

bool YamlMap::flag_or(const std::string& key, bool otherwise) {
  return choice_or(key, {"false", "true"}, otherwise ? 1 : 0) == 1;
}

size_t YamlMap::choice_or(const std::string& key, const std::vector<std::string>& names,
                          size_t otherwise) {
  const YAML::Node node = find(key);
  if (!node.IsDefined()) return otherwise;
  const std::string value = yaml_text(node, file_, key);
  std::string all;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == value) return i;
    all += (i > 0 ? ", " : "") + names[i];
  }
  fail_at(node, file_, key + " is \"" + printable(value) + "\", expected one of " + all);
}

void YamlMap::refuse_others() const {
  for (const auto& pair : node_) {
    if (!known_.contains(pair.first.Scalar())) {
      fail_at(pair.first, file_,
              std::string(what_) + " has no field " + printable(pair.first.Scalar()));
    }
  }
}

void YamlMap::fail(const std::string& key, std::string_view problem) {
  const YAML::Node node = find(key);
  fail_at(node.IsDefined() ? node : node_, file_, key + " " + std::string(problem));
}

}  // namespace heng::eval
