#include "grammar/text_rules.h"

#include <map>
#include <string>
#include <vector>

#include "base/ordered_json.h"
#include "grammar/schema_compiler.h"
#include "heng/error.h"

namespace heng::grammar {
namespace {

constexpr NodeId kEnd = ProgramBuilder::kEnd, kNever = ProgramBuilder::kNever;

// The automaton of Aho and Corasick: a place for each start of a pattern, ASCII all.
class Finder {
 public:
  explicit Finder(std::vector<std::string_view> patterns) : patterns_(std::move(patterns)) {
    for (const std::string_view pattern : patterns_) {
      for (size_t n = 0; n < pattern.size(); ++n) places_.emplace(pattern.substr(0, n), kNever);
    }
  }

  // The first pattern leads to `next`, the others nowhere.
  NodeId build(ProgramBuilder& b, NodeId next) {
    for (auto& [start, place] : places_) place = b.forward();
    for (const auto& [start, place] : places_) b.define_forward(place, ways(b, start, next));
    return places_.at("");
  }

 private:
  NodeId ways(ProgramBuilder& b, const std::string& start, NodeId next) const {
    NodeId all = utf8_range(b, {0x80, 0x10FFFF}, places_.at(""));
    const auto is_text = [](uint8_t c) {
      return (c >= 0x20 && c < 0x7F) || c == '\t' || c == '\n' || c == '\r';
    };
    for (uint8_t c = 0, from = 0; c < 0x80; from = c) {
      const NodeId to = is_text(c) ? after(start, c, next) : kNever;
      while (++c < 0x80 && (is_text(c) ? after(start, c, next) : kNever) == to) {
      }
      if (to != kNever) all = b.either(all, b.range(from, static_cast<uint8_t>(c - 1), to));
    }
    return all;
  }

  NodeId after(const std::string& start, uint8_t c, NodeId next) const {
    std::string text = start + static_cast<char>(c);
    for (; !text.empty(); text.erase(0, 1)) {
      for (size_t i = 0; i < patterns_.size(); ++i) {
        if (text == patterns_[i]) return i == 0 ? next : kNever;
      }
      if (const auto known = places_.find(text); known != places_.end()) return known->second;
    }
    return places_.at("");
  }

  const std::vector<std::string_view> patterns_;
  std::map<std::string, NodeId> places_;
};

// The arguments of a tool: objects that its schema allows.
RuleId arguments_rule(ProgramBuilder& b, JsonRules& json, const Tool& tool, size_t index) {
  if (tool.parameters.empty()) return b.add_rule(json.object(kEnd));
  const std::string name = "tools[" + std::to_string(index) + "].parameters";
  return SchemaCompiler(b, json, tool.parameters, name).compile(true);
}

// A name inside of quotes.
std::string inside_quotes(const std::string& name) {
  const std::string quoted = json_quoted(name);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

NodeId text_until(ProgramBuilder& builder, std::string_view end,
                  std::span<const std::string_view> never, NodeId next) {
  std::vector<std::string_view> patterns = {end};
  patterns.insert(patterns.end(), never.begin(), never.end());
  return Finder(std::move(patterns)).build(builder, next);
}

NodeId maybe_thought(ProgramBuilder& b, NodeId next) {
  constexpr size_t kMostSpaces = 4;
  const auto space = [&](NodeId n) { return b.either(b.literal(" ", n), b.literal("\n", n)); };
  const NodeId behind = b.repeat(0, kMostSpaces, space, next);
  return b.either(next, b.literal("<think>", text_until(b, "</think>", {}, behind)));
}

NodeId tool_calls(ProgramBuilder& b, JsonRules& json, ToolSyntax syntax,
                  std::span<const Tool> tools, bool several) {
  if (syntax == ToolSyntax::kNone) {
    throw Error(ErrorCode::kUnsupported,
                "tools: the chat format has none. Use a model that was trained with them.");
  }
  if (tools.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "tools: none; expected those that may be called");
  }
  if (syntax == ToolSyntax::kReact) {
    const NodeId end = b.either(kEnd, b.literal("\nObservation:", kEnd));
    NodeId calls = kNever;
    for (size_t i = 0; i < tools.size(); ++i) {
      const NodeId input = b.call(arguments_rule(b, json, tools[i], i), end);
      calls = b.either(calls, b.literal(" " + tools[i].name + "\nAction Input: ", input));
    }
    // Either would be read as part of a call.
    static constexpr std::string_view kNeverInThoughts[] = {"\nAction Input:", "\nObservation:"};
    return text_until(b, "\nAction:", kNeverInThoughts, calls);
  }
  const RuleId call = b.add_rule();
  NodeId calls = kNever;
  for (size_t i = 0; i < tools.size(); ++i) {
    const NodeId end = b.literal("}\n</tool_call>", kEnd);
    const NodeId input = b.call(arguments_rule(b, json, tools[i], i), end);
    const std::string head = "<tool_call>\n{\"name\": \"" + inside_quotes(tools[i].name);
    calls = b.either(calls, b.literal(head + "\", \"arguments\": ", input));
  }
  b.define(call, calls);
  const auto further = [&](NodeId next) { return b.literal("\n", b.call(call, next)); };
  return b.call(call, several ? b.star(further, kEnd) : kEnd);
}

}  // namespace heng::grammar
