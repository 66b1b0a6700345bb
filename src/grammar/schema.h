// A JSON Schema as a document: its keywords checked, references followed, and schemas that hold at
// once merged into one, so that what is left to compile is types and alternatives. Source: JSON
// Schema 2020-12, of which docs/constraints.md lists what is read. Not thread-safe.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ordered_json.h"

namespace heng::grammar {

// The kinds of values, as a set of bits. A number is whole or not; "number" is both.
using Types = unsigned;
enum Type : Types {
  kNullType = 1,
  kBooleanType = 2,
  kWholeType = 4,
  kFractionType = 8,
  kNumberType = kWholeType | kFractionType,
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAllTypes = 127,
};

// A schema and its place, for errors: "schema/properties/a".
struct Schema {
  const OrderedJson* json;
  std::string path;

  const OrderedJson* find(std::string_view key) const { return json->find(key); }
  Schema at(std::string_view key) const;  // REQUIRES: there is one
  Schema below(const OrderedJson& json, std::string_view key) const;
  bool is_bool(bool value) const;
};

[[noreturn]] void refuse_schema(const std::string& path, const std::string& problem);
[[noreturn]] void refuse_keyword(const std::string& path, const std::string& problem);

class SchemaDocument {
 public:
  // Throws Error kInvalidArgument. `name` begins the paths.
  SchemaDocument(std::string_view text, std::string_view name);

  const Schema& root() const { return root_; }

  // The same schema without $ref and allOf: true, false, or an object whose keywords were checked.
  // Throws Error kInvalidArgument, kUnsupported.
  Schema flat(const Schema& schema);
  // What holds where both do.
  Schema both(const Schema& a, const Schema& b);
  // Without one of its keywords and its annotations.
  Schema without(const Schema& schema, std::string_view key);

  // Whether no value of `a` that is written here can be one of `b`, nor the other way round.
  // REQUIRES: flat.
  bool disjoint(const Schema& a, const Schema& b, int depth = 0);

 private:
  Schema resolve(const Schema& schema);
  Schema keep(OrderedJson json, std::string path);
  void step(const std::string& path);
  Schema flat(const Schema& schema, int depth);

  OrderedJson document_;
  std::deque<OrderedJson> made_;
  Schema root_;
  size_t steps_ = 0, n_values_ = 0;
};

bool is_annotation(std::string_view keyword);
// Whether all its keywords are annotations.
bool is_empty(const Schema& schema);
// By "type"; all where it has none.
Types named_types(const Schema& schema);
// By "type", "enum" and "const"; all where it has none.
Types declared_types(const Schema& schema);
// The same, but where there is no "type" those that its other keywords speak of.
Types written_types(const Schema& schema);
Types type_of(const OrderedJson& value);
// The values of "enum" or "const" that its type allows; nullopt where it has neither.
std::optional<std::vector<const OrderedJson*>> listed_values(const Schema& schema);
// Whether two values are equal to JSON Schema, to which 1 and 1.0 are.
bool same_value(const OrderedJson& a, const OrderedJson& b);
// Names in "required". Throws Error kInvalidArgument.
std::vector<std::string> required_names(const Schema& schema);
// A count such as "minItems". Throws Error kInvalidArgument.
std::optional<size_t> count_of(const Schema& schema, std::string_view key);

}  // namespace heng::grammar
