#include "grammar/json_rules.h"

#include <algorithm>
#include <map>

#include "base/ordered_json.h"

namespace heng::grammar {
namespace {

constexpr size_t kMostIndent = 16;
constexpr size_t kWholeDigits = 18;     // so that 64 bits hold them
constexpr size_t kFractionDigits = 16;  // what a double tells apart
constexpr size_t kExponentDigits = 2;

}  // namespace

// Nothing, a space, or a line break with its indent.
RuleId JsonRules::space_rule() {
  if (!space_) {
    const auto blank = [&](NodeId next) { return b_.range(' ', ' ', next); };
    const NodeId line = b_.literal("\n", b_.repeat(0, kMostIndent, blank, b_.kEnd));
    space_ = b_.add_rule(b_.either(b_.either(b_.kEnd, blank(b_.kEnd)), line));
  }
  return *space_;
}

RuleId JsonRules::value_rule() {
  if (!value_) {
    value_ = b_.add_rule();
    const NodeId ways[] = {object(b_.kEnd), array(b_.kEnd),   string(b_.kEnd),
                           number(b_.kEnd), boolean(b_.kEnd), b_.literal("null", b_.kEnd)};
    NodeId all = b_.kNever;
    for (const NodeId way : ways) all = b_.either(all, way);
    b_.define(*value_, all);
  }
  return *value_;
}

RuleId JsonRules::object_rule() {
  if (!object_) {
    object_ = b_.add_rule();
    const auto member = [&](NodeId next) { return string(colon(value(next))); };
    b_.define(*object_, list('{', '}', member, b_.kEnd));
  }
  return *object_;
}

RuleId JsonRules::array_rule() {
  if (!array_) {
    array_ = b_.add_rule();
    b_.define(*array_, list(
                           '[', ']', [&](NodeId next) { return value(next); }, b_.kEnd));
  }
  return *array_;
}

RuleId JsonRules::string_rule() {
  if (!string_) {
    const auto body = [&](NodeId next) { return any_character(next); };
    string_ = b_.add_rule(b_.literal("\"", b_.star(body, b_.literal("\"", b_.kEnd))));
  }
  return *string_;
}

RuleId JsonRules::character_rule() {
  if (!character_) character_ = b_.add_rule(any_character(b_.kEnd));
  return *character_;
}

RuleId JsonRules::integer_rule() {
  if (!integer_) {
    const NodeId whole = whole_digits(b_.kEnd);
    integer_ =
        b_.add_rule(b_.either(b_.either(whole, b_.literal("0", b_.kEnd)), b_.literal("-", whole)));
  }
  return *integer_;
}

RuleId JsonRules::number_rule() {
  if (!number_) {
    const NodeId digits_of_exponent = digits(1, kExponentDigits, b_.kEnd);
    const NodeId signed_exponent = b_.either(
        digits_of_exponent,
        b_.either(b_.literal("+", digits_of_exponent), b_.literal("-", digits_of_exponent)));
    const NodeId exponent = b_.either(
        b_.kEnd, b_.either(b_.literal("e", signed_exponent), b_.literal("E", signed_exponent)));
    const NodeId fraction =
        b_.either(exponent, b_.literal(".", digits(1, kFractionDigits, exponent)));
    const NodeId whole = b_.either(whole_digits(fraction), b_.literal("0", fraction));
    number_ = b_.add_rule(b_.either(whole, b_.literal("-", whole)));
  }
  return *number_;
}

NodeId JsonRules::boolean(NodeId next) {
  return b_.either(b_.literal("true", next), b_.literal("false", next));
}

NodeId JsonRules::digits(size_t least, size_t most, NodeId next) {
  return b_.repeat(
      least, most, [&](NodeId n) { return b_.range('0', '9', n); }, next);
}

// From 1 on, without zeros in front.
NodeId JsonRules::whole_digits(NodeId next) {
  return b_.range('1', '9', digits(0, kWholeDigits - 1, next));
}

// What needs no escape.
NodeId JsonRules::plain(NodeId next) {
  NodeId all = b_.kNever;
  for (const CodeRange range : {CodeRange{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}}) {
    all = b_.either(all, utf8_range(b_, range, next));
  }
  return all;
}

NodeId JsonRules::any_character(NodeId next) {
  const auto hex = [&](NodeId n) {
    return b_.either(b_.range('0', '9', n),
                     b_.either(b_.range('a', 'f', n), b_.range('A', 'F', n)));
  };
  const auto d = [&](NodeId n) { return b_.either(b_.range('d', 'd', n), b_.range('D', 'D', n)); };
  const auto high_letters = [&](char first, char last, NodeId n) {
    const auto upper = [](char c) { return static_cast<uint8_t>(c - 'a' + 'A'); };
    return b_.either(b_.range(static_cast<uint8_t>(first), static_cast<uint8_t>(last), n),
                     b_.range(upper(first), upper(last), n));
  };
  const NodeId two = hex(hex(next)), three = hex(two);
  // A surrogate comes with its other half: D800 to DBFF, then DC00 to DFFF.
  const NodeId low_half = b_.literal("\\u", d(high_letters('c', 'f', two)));
  const NodeId low_three = hex(hex(low_half));
  const NodeId high_half =
      d(b_.either(b_.range('8', '9', low_three), high_letters('a', 'b', low_three)));
  NodeId unit = b_.either(d(b_.range('0', '7', two)), high_half);
  unit = b_.either(unit, b_.range('0', '9', three));
  unit = b_.either(unit, high_letters('a', 'c', three));
  unit = b_.either(unit, high_letters('e', 'f', three));
  NodeId escape = b_.literal("u", unit);
  for (const char c : std::string_view("\"\\/bfnrt")) {
    escape = b_.either(escape, b_.literal(std::string_view(&c, 1), next));
  }
  return b_.either(plain(next), b_.literal("\\", escape));
}

NodeId JsonRules::characters(const std::vector<CodeRange>& ranges, NodeId next) {
  NodeId all = b_.kNever;
  for (const CodeRange range : ranges) {
    for (char32_t c = range.first; c <= range.last && c <= '\\'; ++c) {
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      const std::string spelled = json_quoted(std::string(1, static_cast<char>(c)));
      all =
          b_.either(all, b_.literal(std::string_view(spelled).substr(1, spelled.size() - 2), next));
    }
    for (const CodeRange part : {CodeRange{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}}) {
      const CodeRange both{std::max(part.first, range.first), std::min(part.last, range.last)};
      if (both.first <= both.last) all = b_.either(all, utf8_range(b_, both, next));
    }
  }
  return all;
}

// Follows the names byte by byte as they are written; where the key leaves all of them, it is free.
NodeId JsonRules::other_key(const std::vector<std::string_view>& names, NodeId next) {
  const auto any = [&](NodeId n) { return characters({{0, 0x10FFFF}}, n); };
  const NodeId close = b_.literal("\"", next);
  const NodeId free = b_.star(any, close);
  // By character: what a name has written in one way, other characters are not written in.
  struct Place {
    std::map<char32_t, size_t> next;
    bool is_name = false;
  };
  std::vector<Place> places(1);
  for (std::string_view name : names) {
    size_t at = 0;
    while (!name.empty()) {
      const auto [c, length] = decode_utf8(name);
      name.remove_prefix(length);
      const auto [it, is_new] = places[at].next.emplace(c, places.size());
      at = it->second;
      if (is_new) places.emplace_back();
    }
    places[at].is_name = true;
  }
  // Behind a place come later ones only.
  std::vector<NodeId> nodes(places.size());
  for (size_t i = places.size(); i-- > 0;) {
    NodeId all = places[i].is_name ? b_.kNever : close;
    std::vector<CodeRange> others;
    char32_t from = 0;
    for (const auto& [c, place] : places[i].next) {
      all = b_.either(all, characters({{c, c}}, nodes[place]));
      if (c > from) others.push_back({from, c - 1});
      from = c + 1;
    }
    others.push_back({from, 0x10FFFF});
    nodes[i] = b_.either(all, characters(others, free));
  }
  return b_.literal("\"", nodes[0]);
}

NodeId JsonRules::list(char open, char close, const ProgramBuilder::Body& item, NodeId next) {
  const NodeId end = b_.literal(std::string_view(&close, 1), next);
  const NodeId more = b_.star([&](NodeId n) { return comma(item(n)); }, space(end));
  const NodeId items = space(item(more));
  return b_.literal(std::string_view(&open, 1), b_.either(end, items));
}

}  // namespace heng::grammar
