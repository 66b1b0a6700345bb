// The rules of JSON itself, for schemas to stand on: RFC 8259, with white space and numbers
// bounded. Each is made when it is first asked for. Borrows the builder.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "grammar/program.h"
#include "grammar/utf8_ranges.h"

namespace heng::grammar {

class JsonRules {
 public:
  explicit JsonRules(ProgramBuilder& builder) : b_(builder) {}

  NodeId space(NodeId next) { return b_.call(space_rule(), next); }
  NodeId value(NodeId next) { return b_.call(value_rule(), next); }
  NodeId object(NodeId next) { return b_.call(object_rule(), next); }
  NodeId array(NodeId next) { return b_.call(array_rule(), next); }
  NodeId string(NodeId next) { return b_.call(string_rule(), next); }
  // One character of a string, however it is written.
  NodeId character(NodeId next) { return b_.call(character_rule(), next); }
  NodeId integer(NodeId next) { return b_.call(integer_rule(), next); }
  NodeId number(NodeId next) { return b_.call(number_rule(), next); }
  NodeId boolean(NodeId next);

  // One character of `ranges` inside a string, each written in one way: as itself, or by the
  // shortest escape where it needs one. Surrogates are left out.
  NodeId characters(const std::vector<CodeRange>& ranges, NodeId next);
  // A key that is none of `names`, with its quotes, each written in one way.
  NodeId other_key(const std::vector<std::string_view>& names, NodeId next);

  // open close, or open item (, item)* close.
  NodeId list(char open, char close, const ProgramBuilder::Body& item, NodeId next);
  NodeId colon(NodeId next) { return b_.literal(":", space(next)); }
  NodeId comma(NodeId next) { return b_.literal(",", space(next)); }

 private:
  RuleId space_rule();
  RuleId value_rule();
  RuleId object_rule();
  RuleId array_rule();
  RuleId string_rule();
  RuleId character_rule();
  RuleId integer_rule();
  RuleId number_rule();
  NodeId any_character(NodeId next);
  NodeId plain(NodeId next);
  NodeId digits(size_t least, size_t most, NodeId next);
  NodeId whole_digits(NodeId next);

  ProgramBuilder& b_;
  std::optional<RuleId> space_, value_, object_, array_, string_, character_, integer_, number_;
};

}  // namespace heng::grammar
