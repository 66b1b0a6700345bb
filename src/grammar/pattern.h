// Regular expressions of JSON Schema's `pattern` as rules: what of ECMA-262 regular languages are
// made of. docs/constraints.md lists it; the rest is refused by name.
#pragma once

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/json_rules.h"

namespace heng::grammar {

class PatternRules {
 public:
  // Borrows both.
  PatternRules(ProgramBuilder& builder, JsonRules& json) : b_(builder), json_(json) {}

  // The inside of a JSON string in which `pattern` is found, written in one way. Throws Error
  // kUnsupported beginning with `where`.
  NodeId found(std::string_view pattern, std::string_view where, NodeId next);

 private:
  // One character of these.
  NodeId one_of(const std::vector<CodeRange>& ranges, NodeId next);

  ProgramBuilder& b_;
  JsonRules& json_;
  std::map<std::vector<std::pair<char32_t, char32_t>>, RuleId> classes_;
};

}  // namespace heng::grammar
