#include "grammar/schema_compiler.h"

#include <algorithm>

#include "base/message.h"
#include "grammar/formats.h"
#include "grammar/number_range.h"

namespace heng::grammar {
namespace {

using Kind = OrderedJson::Kind;

constexpr NodeId kEnd = ProgramBuilder::kEnd, kNever = ProgramBuilder::kNever;

const OrderedJson& any_value() {
  static const OrderedJson kTrue{.kind = Kind::kBool, .boolean = true};
  return kTrue;
}

const OrderedJson& only_objects() {
  static const OrderedJson kSchema{
      .kind = Kind::kObject, .members = {{"type", {.kind = Kind::kString, .text = "object"}}}};
  return kSchema;
}

std::optional<Bound> bound_of(const Schema& schema, std::string_view key, bool exclusive) {
  const OrderedJson* value = schema.find(key);
  if (!value) return std::nullopt;
  const std::string path = schema.path + "/" + std::string(key);
  const auto number = value->is_number() ? parse_decimal(value->text) : std::nullopt;
  if (!number) refuse_schema(path, "expected a number of usual size");
  constexpr size_t kMostDigits = 15;  // more are not told apart by doubles
  if (exclusive && number->whole.size() + number->fraction.size() > kMostDigits) {
    refuse_keyword(path, "a bound of over 15 digits, which doubles cannot exclude");
  }
  return Bound{*number, exclusive};
}

// Of two bounds the one that leaves less; `sign` is 1 for lower ones, -1 for upper ones.
std::optional<Bound> tighter(std::optional<Bound> a, std::optional<Bound> b, int sign) {
  if (!a || !b) return a ? a : b;
  const int order = sign * compare(a->value, b->value);
  if (order != 0) return order > 0 ? a : b;
  return a->exclusive ? a : b;
}

}  // namespace

SchemaCompiler::SchemaCompiler(ProgramBuilder& builder, JsonRules& json, std::string_view schema,
                               std::string_view name)
    : b_(builder), json_(json), patterns_(builder, json), document_(schema, name) {}

RuleId SchemaCompiler::compile(bool objects_only) {
  const RuleId root = b_.add_rule();
  Schema schema = document_.root();
  if (objects_only) schema = document_.both(document_.flat(schema), {&only_objects(), schema.path});
  pending_.emplace_back(root, std::move(schema));
  while (!pending_.empty()) {
    const auto [rule, schema] = std::move(pending_.back());
    pending_.pop_back();
    current_ = rule;
    b_.define(rule, value(schema));
  }
  check_circles();
  return root;
}

// A value that is valid where it is valid has no meaning: JSON Schema forbids such circles.
void SchemaCompiler::check_circles() const {
  // Rules whose alternatives have all been taken away are taken away in turn.
  std::map<RuleId, size_t> n_ways;
  std::multimap<RuleId, RuleId> stands_in;
  for (const auto& [rule, way] : alternative_) {
    ++n_ways[rule];
    n_ways.try_emplace(way, 0);
    stands_in.emplace(way, rule);
  }
  std::vector<RuleId> done;
  for (const auto& [rule, n] : n_ways) {
    if (n == 0) done.push_back(rule);
  }
  for (size_t i = 0; i < done.size(); ++i) {
    const auto [first, last] = stands_in.equal_range(done[i]);
    for (auto it = first; it != last; ++it) {
      if (--n_ways[it->second] == 0) done.push_back(it->second);
    }
  }
  if (done.size() < n_ways.size()) {
    refuse_schema(document_.root().path,
                  "an alternative refers back to where it stands, with nothing in between");
  }
}

NodeId SchemaCompiler::call(const Schema& schema, NodeId next) {
  if (schema.is_bool(true)) return json_.value(next);
  if (schema.is_bool(false)) return kNever;
  const auto [it, is_new] = rules_.try_emplace(print_json(*schema.json), 0);
  if (is_new) {
    it->second = b_.add_rule();
    pending_.emplace_back(it->second, schema);
  }
  return b_.call(it->second, next);
}

// A whole value that the schema allows.
NodeId SchemaCompiler::value(const Schema& unresolved) {
  const Schema schema = document_.flat(unresolved);
  if (schema.json->is(Kind::kBool)) return call(schema, kEnd);
  if (schema.find("anyOf") && schema.find("oneOf")) {
    refuse_keyword(schema.path, "\"anyOf\" beside \"oneOf\"");
  }
  for (const std::string_view key : {"anyOf", "oneOf"}) {
    if (schema.find(key)) return alternatives(schema, key);
  }
  if (const auto values = listed_values(schema)) return listed(schema, *values);
  const Types types = written_types(schema);
  NodeId all = kNever;
  if ((types & kNullType) != 0) all = b_.literal("null", kEnd);
  if ((types & kBooleanType) != 0) all = b_.either(all, json_.boolean(kEnd));
  if ((types & kNumberType) != 0) all = b_.either(all, number(schema, types));
  if ((types & kStringType) != 0) all = b_.either(all, string(schema));
  if ((types & kArrayType) != 0) all = b_.either(all, array(schema));
  if ((types & kObjectType) != 0) all = b_.either(all, object(schema));
  return all;
}

NodeId SchemaCompiler::alternative(const Schema& schema) {
  const NodeId way = call(schema, kEnd);
  const auto rule = rules_.find(print_json(*schema.json));
  if (rule != rules_.end()) alternative_.emplace_back(current_, rule->second);
  return way;
}

// Each alternative holds together with what stands beside it.
NodeId SchemaCompiler::alternatives(const Schema& schema, std::string_view key) {
  const Schema list = schema.at(key);
  if (!list.json->is(Kind::kArray) || list.json->items.empty()) {
    refuse_schema(list.path, "expected a list of schemas");
  }
  const Schema beside = document_.without(schema, key);
  std::vector<Schema> ways;
  for (const OrderedJson& item : list.json->items) {
    const Schema way = document_.flat(list.below(item, std::to_string(ways.size())));
    Schema merged = is_empty(beside) ? way : document_.both(way, beside);
    merged.path = list.path + "/" + std::to_string(ways.size());
    ways.push_back(std::move(merged));
  }
  NodeId all = kNever;
  for (size_t i = 0; i < ways.size(); ++i) {
    for (size_t j = 0; key == "oneOf" && j < i; ++j) {
      if (document_.disjoint(ways[j], ways[i])) continue;
      refuse_keyword(list.path, "alternatives " + std::to_string(j) + " and " + std::to_string(i) +
                                    " may both hold; give them types, or a required member with "
                                    "\"const\", that differ, or write anyOf");
    }
    all = b_.either(all, alternative(ways[i]));
  }
  return all;
}

NodeId SchemaCompiler::listed(const Schema& schema, const std::vector<const OrderedJson*>& values) {
  for (const auto& [key, value] : schema.json->members) {
    const bool known = key == "enum" || key == "const" || key == "type";
    if (known || is_annotation(key)) continue;
    refuse_keyword(schema.path, "\"" + printable(key) + "\" beside \"enum\" or \"const\"");
  }
  NodeId all = kNever;
  for (const OrderedJson* value : values) all = b_.either(all, constant(*value, kEnd));
  return all;
}

NodeId SchemaCompiler::constant(const OrderedJson& value, NodeId next) {
  if (value.is_number()) return b_.literal(value.text, next);
  if (!value.is(Kind::kArray) && !value.is(Kind::kObject)) {
    return b_.literal(print_json(value), next);
  }
  const bool object = value.is(Kind::kObject);
  const size_t n = object ? value.members.size() : value.items.size();
  next = b_.literal(object ? "}" : "]", next);
  if (n > 0) next = json_.space(next);
  for (size_t i = n; i-- > 0;) {
    if (object) {
      next = json_.colon(constant(value.members[i].second, next));
      next = b_.literal(json_quoted(value.members[i].first), next);
    } else {
      next = constant(value.items[i], next);
    }
    next = i > 0 ? json_.comma(next) : json_.space(next);
  }
  return b_.literal(object ? "{" : "[", next);
}

NodeId SchemaCompiler::object(const Schema& schema) {
  struct Property {
    std::string name;
    Schema schema;
    bool required;
  };
  const OrderedJson* named = schema.find("properties");
  if (named && !named->is(Kind::kObject)) {
    refuse_schema(schema.path + "/properties", "expected an object");
  }
  std::vector<std::string> required = required_names(schema);
  const OrderedJson* further = schema.find("additionalProperties");
  const Schema other =
      further ? schema.at("additionalProperties") : Schema{&any_value(), schema.path};
  std::vector<Property> properties;
  for (size_t i = 0; named && i < named->members.size(); ++i) {
    const auto& [name, value] = named->members[i];
    const auto it = std::find(required.begin(), required.end(), name);
    properties.push_back({name, schema.at("properties").below(value, name), it != required.end()});
    if (it != required.end()) required.erase(it);
  }
  for (const std::string& name : required) properties.push_back({name, other, true});

  // Where "additionalProperties" is not said, there are others only where no name is.
  std::vector<std::string_view> names;
  for (const Property& property : properties) names.push_back(property.name);
  const bool open = further ? !other.is_bool(false) : properties.empty();
  const NodeId close = json_.space(b_.literal("}", kEnd));
  const auto extra = [&](NodeId next) {
    const NodeId behind = json_.colon(call(other, next));
    return names.empty() ? json_.string(behind) : json_.other_key(names, behind);
  };
  NodeId later = close, members = kNever;  // behind a member; from a member on
  if (open) {
    later = b_.star([&](NodeId next) { return json_.comma(extra(next)); }, close);
    members = extra(later);
  }
  bool may_end = true;
  for (size_t i = properties.size(); i-- > 0;) {
    const Property& property = properties[i];
    const NodeId behind = json_.colon(call(property.schema, later));
    const NodeId here = b_.literal(json_quoted(property.name), behind);
    members = property.required ? here : b_.either(here, members);
    may_end = may_end && !property.required;
    later = json_.comma(members);
    if (may_end) later = b_.either(later, close);
  }
  const NodeId inside = json_.space(members);
  const NodeId empty = may_end ? b_.literal("}", kEnd) : kNever;
  return b_.literal("{", b_.either(empty, inside));
}

NodeId SchemaCompiler::array(const Schema& schema) {
  const OrderedJson* prefix = schema.find("prefixItems");
  if (prefix && !prefix->is(Kind::kArray)) {
    refuse_schema(schema.path + "/prefixItems", "expected a list of schemas");
  }
  const OrderedJson* items = schema.find("items");
  if (items && items->is(Kind::kArray)) {
    refuse_keyword(schema.path + "/items", "a list; write it as prefixItems");
  }
  const size_t n_prefix = prefix ? prefix->items.size() : 0;
  const size_t least = count_of(schema, "minItems").value_or(0);
  // Where "items" is not said, no more come than must.
  const bool closed = prefix && !items && !schema.find("maxItems");
  const size_t most = closed ? std::max(least, n_prefix)
                             : count_of(schema, "maxItems").value_or(ProgramBuilder::kUnbounded);
  if (least > most) refuse_schema(schema.path, "minItems is over maxItems");
  const Schema other = items ? schema.at("items") : Schema{&any_value(), schema.path};
  const auto item = [&](size_t i, NodeId next) {
    if (i >= n_prefix) return call(other, next);
    return call(schema.at("prefixItems").below(prefix->items[i], std::to_string(i)), next);
  };

  const NodeId close = json_.space(b_.literal("]", kEnd));
  size_t n = most;  // items that are told apart by their place
  NodeId later = close;
  if (most == ProgramBuilder::kUnbounded) {
    n = std::max(least, n_prefix);
    later = b_.star([&](NodeId next) { return json_.comma(item(n, next)); }, close);
  }
  NodeId first = n == 0 && most > 0 ? item(0, later) : kNever;
  for (size_t i = n; i-- > 0;) {
    first = item(i, later);
    later = json_.comma(first);
    if (i >= least) later = b_.either(later, close);
  }
  const NodeId empty = least == 0 ? b_.literal("]", kEnd) : kNever;
  return b_.literal("[", b_.either(empty, json_.space(first)));
}

NodeId SchemaCompiler::string(const Schema& schema) {
  const auto least = count_of(schema, "minLength"), most = count_of(schema, "maxLength");
  const OrderedJson *pattern = schema.find("pattern"), *format = schema.find("format");
  for (const OrderedJson* text : {pattern, format}) {
    if (text && !text->is(Kind::kString)) {
      refuse_schema(schema.path + (text == pattern ? "/pattern" : "/format"), "expected a string");
    }
  }
  if ((pattern || format) && (least || most || (pattern && format))) {
    refuse_keyword(
        schema.path,
        "two of \"pattern\", \"format\" and lengths at once; write one pattern for both");
  }
  if (pattern || format) {
    const std::string expression = pattern ? pattern->text : format_pattern(format->text);
    if (expression.empty() && format) {
      refuse_keyword(schema.path + "/format",
                     "\"" + printable(format->text) + "\" is not kept; known: " + format_names());
    }
    const std::string where = schema.path + (pattern ? "/pattern" : "/format");
    return b_.literal("\"", patterns_.found(expression, where, b_.literal("\"", kEnd)));
  }
  if (!least && !most) return json_.string(kEnd);
  if (least.value_or(0) > most.value_or(ProgramBuilder::kUnbounded)) {
    refuse_schema(schema.path, "minLength is over maxLength");
  }
  const auto character = [&](NodeId next) { return json_.character(next); };
  return b_.literal("\"", b_.repeat(least.value_or(0), most.value_or(ProgramBuilder::kUnbounded),
                                    character, b_.literal("\"", kEnd)));
}

NodeId SchemaCompiler::number(const Schema& schema, Types types) {
  const auto low =
      tighter(bound_of(schema, "minimum", false), bound_of(schema, "exclusiveMinimum", true), 1);
  const auto high =
      tighter(bound_of(schema, "maximum", false), bound_of(schema, "exclusiveMaximum", true), -1);
  const bool integer = (types & kFractionType) == 0;
  if (low || high) return number_range(b_, low, high, integer, kEnd);
  return integer ? json_.integer(kEnd) : json_.number(kEnd);
}

}  // namespace heng::grammar
