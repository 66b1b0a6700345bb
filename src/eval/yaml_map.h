// Typed access to one mapping of a YAML file. Every error names file and line; a key that nobody
// asked for is one. Borrows the file's name; one thread.
#pragma once

#include <yaml-cpp/yaml.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "heng/error.h"

namespace heng::eval {

// The document's root. Throws Error kCorrupt for what is no YAML or over 1 MiB.
YAML::Node load_yaml(std::string_view text, std::string_view file);

// Throws Error kCorrupt "<file>:<line>: <problem>".
[[noreturn]] void fail_at(const YAML::Node& node, std::string_view file, std::string_view problem);

// The text of a scalar. Throws Error kCorrupt naming `what`.
std::string yaml_text(const YAML::Node& node, std::string_view file, std::string_view what);
// A sequence of scalars, or one scalar.
std::vector<std::string> yaml_texts(const YAML::Node& node, std::string_view file,
                                    std::string_view what);

class YamlMap {
 public:
  YamlMap(YAML::Node node, std::string_view file, std::string_view what);

  // The value, or an undefined node.
  YAML::Node find(const std::string& key);
  YAML::Node need(const std::string& key);

  std::string text(const std::string& key);
  std::string text_or(const std::string& key, std::string_view otherwise);
  std::vector<std::string> texts_or_empty(const std::string& key);
  size_t count_or(const std::string& key, size_t most, size_t otherwise);
  double number(const std::string& key);
  bool flag_or(const std::string& key, bool otherwise);
  // One of `names`; its index.
  size_t choice_or(const std::string& key, const std::vector<std::string>& names, size_t otherwise);

  // Throws for a key that none of the above was asked for.
  void refuse_others() const;
  [[noreturn]] void fail(const std::string& key, std::string_view problem);

 private:
  YAML::Node node_;
  std::string_view file_, what_;
  std::set<std::string> known_;
};

}  // namespace heng::eval
