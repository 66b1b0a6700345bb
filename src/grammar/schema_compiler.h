// A JSON Schema as rules. Members come in the order of "properties"; others, where the schema says
// that there are any, come behind them. Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/json_rules.h"
#include "grammar/pattern.h"
#include "grammar/program.h"
#include "grammar/schema.h"

namespace heng::grammar {

class SchemaCompiler {
 public:
  // Borrows all; `name` begins the paths of errors. Throws Error kInvalidArgument.
  SchemaCompiler(ProgramBuilder& builder, JsonRules& json, std::string_view schema,
                 std::string_view name);

  // The rule of the whole schema, or of those of its values that are objects. Throws Error
  // kInvalidArgument, kUnsupported.
  RuleId compile(bool objects_only = false);

 private:
  NodeId value(const Schema& schema);
  void check_circles() const;
  NodeId call(const Schema& schema, NodeId next);
  NodeId alternative(const Schema& schema);
  NodeId alternatives(const Schema& schema, std::string_view key);
  NodeId listed(const Schema& schema, const std::vector<const OrderedJson*>& values);
  NodeId constant(const OrderedJson& value, NodeId next);
  NodeId object(const Schema& schema);
  NodeId array(const Schema& schema);
  NodeId string(const Schema& schema);
  NodeId number(const Schema& schema, Types types);

  ProgramBuilder& b_;
  JsonRules& json_;
  PatternRules patterns_;
  SchemaDocument document_;
  std::map<std::string, RuleId> rules_;  // by the schema's text: what is the same is compiled once
  std::vector<std::pair<RuleId, Schema>> pending_;
  RuleId current_ = 0;                                  // the rule that is compiled
  std::vector<std::pair<RuleId, RuleId>> alternative_;  // a rule, and one that it may be as a whole
};

}  // namespace heng::grammar
