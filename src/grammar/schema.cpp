#include "grammar/schema.h"

#include <algorithm>
#include <charconv>

#include "base/message.h"
#include "grammar/number_range.h"
#include "heng/error.h"

namespace heng::grammar {
namespace {

using Kind = OrderedJson::Kind;

constexpr JsonLimits kLimits{.max_bytes = 256u << 10, .max_depth = 64};
constexpr size_t kMostCount = 65'536;  // items, characters

constexpr std::string_view kAnnotations[] = {
    "title",      "description", "default",   "examples", "$comment",    "$schema",      "$id",
    "deprecated", "readOnly",    "writeOnly", "$defs",    "definitions", "discriminator"};
constexpr std::string_view kKeywords[] = {"$ref",
                                          "allOf",
                                          "anyOf",
                                          "oneOf",
                                          "type",
                                          "enum",
                                          "const",
                                          "properties",
                                          "required",
                                          "additionalProperties",
                                          "items",
                                          "prefixItems",
                                          "minItems",
                                          "maxItems",
                                          "minLength",
                                          "maxLength",
                                          "pattern",
                                          "format",
                                          "minimum",
                                          "maximum",
                                          "exclusiveMinimum",
                                          "exclusiveMaximum"};

struct TypeName {
  std::string_view name;
  Types types;
};
constexpr TypeName kTypeNames[] = {{"null", kNullType},     {"boolean", kBooleanType},
                                   {"integer", kWholeType}, {"number", kNumberType},
                                   {"string", kStringType}, {"array", kArrayType},
                                   {"object", kObjectType}};

template <typename Names>
bool is_one_of(std::string_view key, const Names& names) {
  return std::find(std::begin(names), std::end(names), key) != std::end(names);
}

Types named_type(const std::string& path, const OrderedJson& name) {
  for (const TypeName& known : kTypeNames) {
    if (name.is(Kind::kString) && name.text == known.name) return known.types;
  }
  refuse_schema(path + "/type",
                "expected null, boolean, integer, number, string, array or object, or a list");
}

size_t n_values(const OrderedJson& json) {
  size_t n = 1;
  for (const OrderedJson& item : json.items) n += n_values(item);
  for (const auto& [key, member] : json.members) n += n_values(member);
  return n;
}

}  // namespace

void refuse_schema(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kInvalidArgument, path + ": " + problem + ".");
}

void refuse_keyword(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kUnsupported, path + ": " + problem + ".");
}

Schema Schema::below(const OrderedJson& value, std::string_view key) const {
  return {&value, path + "/" + printable(key)};
}

Schema Schema::at(std::string_view key) const {
  return below(*find(key), key);
}

bool Schema::is_bool(bool value) const {
  return json->is(Kind::kBool) && json->boolean == value;
}

SchemaDocument::SchemaDocument(std::string_view text, std::string_view name)
    : document_(parse_ordered_json(text, name, kLimits)), root_{&document_, std::string(name)} {}

// Schemas can be merged into ever more, and larger ones.
Schema SchemaDocument::keep(OrderedJson json, std::string path) {
  constexpr size_t kMostValues = 400'000;
  n_values_ += n_values(json);
  if (n_values_ > kMostValues) refuse_schema(path, "too large when its parts are put together");
  return {&made_.emplace_back(std::move(json)), std::move(path)};
}

void SchemaDocument::step(const std::string& path) {
  constexpr size_t kMostSteps = 20'000;
  if (++steps_ > kMostSteps) refuse_schema(path, "too large when its parts are put together");
}

// Annotations go too: they say nothing, and references look into the document itself.
Schema SchemaDocument::without(const Schema& schema, std::string_view key) {
  OrderedJson rest{.kind = Kind::kObject};
  for (const auto& member : schema.json->members) {
    if (member.first != key && !is_annotation(member.first)) rest.members.push_back(member);
  }
  return keep(std::move(rest), schema.path);
}

Schema SchemaDocument::flat(const Schema& schema) {
  return flat(schema, 0);
}

Schema SchemaDocument::flat(const Schema& schema, int depth) {
  constexpr int kMostDepth = 64;
  step(schema.path);
  if (depth > kMostDepth) refuse_schema(schema.path, "refers to itself, with nothing in between");
  if (schema.json->is(Kind::kBool)) return schema;
  if (!schema.json->is(Kind::kObject)) {
    refuse_schema(schema.path, "expected an object, true or false, found " +
                                   std::string(kind_name(schema.json->kind)));
  }
  for (const auto& [key, value] : schema.json->members) {
    if (!is_one_of(key, kKeywords) && !is_one_of(key, kAnnotations)) {
      refuse_keyword(schema.path, "the keyword \"" + printable(key) + "\" is not read");
    }
  }
  if (schema.find("$ref")) {
    const Schema rest = without(schema, "$ref");
    const Schema target = flat(resolve(schema), depth + 1);
    return is_empty(rest) ? target : both(target, flat(rest, depth + 1));
  }
  const OrderedJson* all = schema.find("allOf");
  if (!all) return schema;
  if (!all->is(Kind::kArray) || all->items.empty()) {
    refuse_schema(schema.path + "/allOf", "expected a list of schemas");
  }
  Schema merged = without(schema, "allOf");
  for (size_t i = 0; i < all->items.size(); ++i) {
    const Schema part = schema.at("allOf").below(all->items[i], std::to_string(i));
    merged = both(merged, flat(part, depth + 1));
  }
  return merged;
}

// The schema that $ref names: "#" and a JSON pointer, or nothing.
Schema SchemaDocument::resolve(const Schema& schema) {
  const OrderedJson& name = *schema.find("$ref");
  const std::string path = schema.path + "/$ref";
  if (!name.is(Kind::kString)) refuse_schema(path, "expected a string");
  std::string_view rest = name.text;
  if (!rest.starts_with('#') || (rest.size() > 1 && rest[1] != '/')) {
    refuse_keyword(path, "\"" + printable(name.text) +
                             "\": expected # and a path in this schema, such as #/$defs/name");
  }
  rest.remove_prefix(1);
  Schema found = root_;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    std::string key;
    for (size_t i = 0; i < part.size(); ++i) {
      const bool escape = part[i] == '~' && i + 1 < part.size();
      key += !escape ? part[i] : part[++i] == '1' ? '/' : '~';
    }
    const OrderedJson* next = found.json->find(key);
    size_t index = 0;
    const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool is_index = read.ec == std::errc() && read.ptr == key.data() + key.size();
    if (!next && is_index && index < found.json->items.size()) next = &found.json->items[index];
    if (!next) refuse_schema(path, "\"" + printable(name.text) + "\" names nothing");
    found = found.below(*next, key);
  }
  return found;
}

bool is_annotation(std::string_view keyword) {
  return is_one_of(keyword, kAnnotations);
}

bool is_empty(const Schema& schema) {
  return std::all_of(schema.json->members.begin(), schema.json->members.end(),
                     [](const auto& member) { return is_annotation(member.first); });
}

Types type_of(const OrderedJson& value) {
  switch (value.kind) {
    case Kind::kNull:
      return kNullType;
    case Kind::kBool:
      return kBooleanType;
    case Kind::kInteger:
      return kWholeType;
    case Kind::kFloat: {
      const auto number = parse_decimal(value.text);
      return number && number->fraction.empty() ? kWholeType : kFractionType;
    }
    case Kind::kString:
      return kStringType;
    case Kind::kArray:
      return kArrayType;
    case Kind::kObject:
      break;
  }
  return kObjectType;
}

bool same_value(const OrderedJson& a, const OrderedJson& b) {
  if (a.is_number() && b.is_number()) {
    const auto x = parse_decimal(a.text), y = parse_decimal(b.text);
    return x && y ? compare(*x, *y) == 0 : a.text == b.text;
  }
  if (a.kind != b.kind || a.boolean != b.boolean || a.text != b.text ||
      a.members.size() != b.members.size()) {
    return false;
  }
  const bool same_members =
      std::all_of(a.members.begin(), a.members.end(), [&](const OrderedJson::Member& member) {
        const OrderedJson* other = b.find(member.first);
        return other && same_value(member.second, *other);
      });
  return same_members &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_value);
}

Types named_types(const Schema& schema) {
  const OrderedJson* type = schema.find("type");
  if (!type) return kAllTypes;
  if (!type->is(Kind::kArray)) return named_type(schema.path, *type);
  Types all = 0;
  for (const OrderedJson& name : type->items) all |= named_type(schema.path, name);
  return all;
}

std::optional<std::vector<const OrderedJson*>> listed_values(const Schema& schema) {
  const OrderedJson* list = schema.find("enum");
  const OrderedJson* only = schema.find("const");
  if (!list && !only) return std::nullopt;
  if (list && !list->is(Kind::kArray)) refuse_schema(schema.path + "/enum", "expected a list");
  const Types types = named_types(schema);
  std::vector<const OrderedJson*> values;
  const auto add = [&](const OrderedJson& value) {
    if ((type_of(value) & types) == 0) return;
    if (list && only && !same_value(value, *only)) return;
    values.push_back(&value);
  };
  if (!list) {
    add(*only);
  } else {
    for (const OrderedJson& value : list->items) add(value);
  }
  return values;
}

Types declared_types(const Schema& schema) {
  if (schema.json->is(Kind::kBool)) return schema.json->boolean ? Types{kAllTypes} : 0;
  const auto values = listed_values(schema);
  if (!values) return named_types(schema);
  Types types = 0;
  for (const OrderedJson* value : *values) types |= type_of(*value);
  return types;
}

Types written_types(const Schema& schema) {
  const Types declared = declared_types(schema);
  if (schema.json->is(Kind::kBool) || schema.find("type") || declared != kAllTypes) return declared;
  static constexpr std::pair<std::string_view, Types> kSpoken[] = {
      {"properties", kObjectType},
      {"required", kObjectType},
      {"additionalProperties", kObjectType},
      {"items", kArrayType},
      {"prefixItems", kArrayType},
      {"minItems", kArrayType},
      {"maxItems", kArrayType},
      {"minLength", kStringType},
      {"maxLength", kStringType},
      {"pattern", kStringType},
      {"format", kStringType},
      {"minimum", kNumberType},
      {"maximum", kNumberType},
      {"exclusiveMinimum", kNumberType},
      {"exclusiveMaximum", kNumberType}};
  Types spoken = 0;
  for (const auto& [key, types] : kSpoken) {
    if (schema.find(key)) spoken |= types;
  }
  return spoken ? spoken : kAllTypes;
}

std::vector<std::string> required_names(const Schema& schema) {
  std::vector<std::string> names;
  const OrderedJson* list = schema.find("required");
  if (!list) return names;
  const bool strings = list->is(Kind::kArray) &&
                       std::all_of(list->items.begin(), list->items.end(),
                                   [](const OrderedJson& item) { return item.is(Kind::kString); });
  if (!strings) refuse_schema(schema.path + "/required", "expected a list of names");
  for (const OrderedJson& name : list->items) {
    if (!is_one_of(name.text, names)) names.push_back(name.text);
  }
  return names;
}

std::optional<size_t> count_of(const Schema& schema, std::string_view key) {
  const OrderedJson* value = schema.find(key);
  if (!value) return std::nullopt;
  size_t count = 0;
  const char* end = value->text.data() + value->text.size();
  const auto read = std::from_chars(value->text.data(), end, count);
  const bool whole = value->is(Kind::kInteger) && read.ec == std::errc() && read.ptr == end;
  if (!whole || count > kMostCount) {
    refuse_schema(schema.path + "/" + std::string(key),
                  "expected a whole number from 0 to " + with_commas(kMostCount));
  }
  return count;
}

}  // namespace heng::grammar
