// Two schemas that hold at once as one, and whether two can hold at once at all.
#include <algorithm>

#include "base/message.h"
#include "grammar/number_range.h"
#include "grammar/schema.h"

namespace heng::grammar {
namespace {

using Kind = OrderedJson::Kind;

OrderedJson text_value(std::string text) {
  return {.kind = Kind::kString, .text = std::move(text)};
}

// A schema for where both hold, to be merged when it is compiled. What holds already is not said
// again, and lists do not nest: so what refers to itself comes back to what was there.
OrderedJson all_of(const OrderedJson& a, const OrderedJson& b) {
  if (a.is(Kind::kBool)) return a.boolean ? b : a;
  if (b.is(Kind::kBool)) return b.boolean ? a : b;
  OrderedJson list{.kind = Kind::kArray};
  const auto add = [&](const OrderedJson& part) {
    const bool known = std::any_of(list.items.begin(), list.items.end(),
                                   [&](const auto& item) { return same_value(item, part); });
    if (!known) list.items.push_back(part);
  };
  for (const OrderedJson* side : {&a, &b}) {
    const OrderedJson* parts = side->members.size() == 1 ? side->find("allOf") : nullptr;
    if (!parts || !parts->is(Kind::kArray)) {
      add(*side);
    } else {
      for (const OrderedJson& part : parts->items) add(part);
    }
  }
  if (list.items.size() == 1) return list.items[0];
  return {.kind = Kind::kObject, .members = {{"allOf", std::move(list)}}};
}

OrderedJson type_names(Types types) {
  OrderedJson list{.kind = Kind::kArray};
  const auto add = [&](Types bits, const char* name) {
    if ((types & bits) == bits) list.items.push_back(text_value(name));
  };
  add(kNullType, "null");
  add(kBooleanType, "boolean");
  if ((types & kFractionType) != 0) {
    add(kNumberType, "number");
  } else {
    add(kWholeType, "integer");
  }
  add(kStringType, "string");
  add(kArrayType, "array");
  add(kObjectType, "object");
  return list;
}

// The members of two schemas put together, keyword by keyword.
class Merger {
 public:
  Merger(const Schema& a, const Schema& b) : a_(a), b_(b) {}

  OrderedJson merged() {
    const auto has_items = [](const Schema& s) { return s.find("items") || s.find("prefixItems"); };
    const bool prefix = a_.find("prefixItems") || b_.find("prefixItems");
    if (prefix && has_items(a_) && has_items(b_)) {
      refuse_keyword(a_.path, "\"prefixItems\" beside other items, in schemas that hold at once");
    }
    OrderedJson out{.kind = Kind::kObject};
    const auto add = [&](const std::string& key, OrderedJson value) {
      out.members.emplace_back(key, std::move(value));
    };
    for (const auto& [key, value] : a_.json->members) {
      if (is_annotation(key)) continue;
      const OrderedJson* other = b_.find(key);
      if (key == "properties") {
        add(key, properties());
      } else {
        add(key, other ? together(key, value, *other) : value);
      }
    }
    for (const auto& [key, value] : b_.json->members) {
      if (a_.find(key) || is_annotation(key)) continue;
      add(key, key == "properties" ? properties() : value);
    }
    return out;
  }

 private:
  // Both have the keyword.
  OrderedJson together(const std::string& key, const OrderedJson& a, const OrderedJson& b) const {
    if (same_value(a, b)) return a;
    if (key == "type") return type_names(named_types(a_) & named_types(b_));
    if (key == "required") return required();
    if (key == "additionalProperties" || key == "items") return all_of(a, b);
    if (key == "enum") return common_values(a, b);
    if (key == "minLength" || key == "minItems") return less(key) ? b : a;
    if (key == "maxLength" || key == "maxItems") return less(key) ? a : b;
    if (key == "minimum" || key == "exclusiveMinimum") return smaller(key, a, b) ? b : a;
    if (key == "maximum" || key == "exclusiveMaximum") return smaller(key, a, b) ? a : b;
    refuse_keyword(a_.path, "\"" + printable(key) + "\" twice, in schemas that hold at once");
  }

  bool less(const std::string& key) const { return *count_of(a_, key) < *count_of(b_, key); }

  bool smaller(const std::string& key, const OrderedJson& a, const OrderedJson& b) const {
    const auto x = parse_decimal(a.text), y = parse_decimal(b.text);
    if (!a.is_number() || !b.is_number() || !x || !y) {
      refuse_schema(a_.path + "/" + key, "expected a number");
    }
    return compare(*x, *y) < 0;
  }

  OrderedJson common_values(const OrderedJson& a, const OrderedJson& b) const {
    if (!a.is(Kind::kArray) || !b.is(Kind::kArray)) {
      refuse_schema(a_.path + "/enum", "expected a list");
    }
    OrderedJson list{.kind = Kind::kArray};
    for (const OrderedJson& value : a.items) {
      const bool in_both = std::any_of(b.items.begin(), b.items.end(),
                                       [&](const auto& other) { return same_value(value, other); });
      if (in_both) list.items.push_back(value);
    }
    return list;
  }

  OrderedJson required() const {
    OrderedJson list{.kind = Kind::kArray};
    for (std::string& name : required_names(a_)) list.items.push_back(text_value(std::move(name)));
    for (std::string& name : required_names(b_)) {
      const bool known = std::any_of(list.items.begin(), list.items.end(),
                                     [&](const auto& item) { return item.text == name; });
      if (!known) list.items.push_back(text_value(std::move(name)));
    }
    return list;
  }

  // What only one schema names is to the other a further member.
  OrderedJson properties() const {
    OrderedJson out{.kind = Kind::kObject};
    const auto add = [&](const Schema& from, const Schema& other, bool common) {
      const OrderedJson* named = from.find("properties");
      if (!named) return;
      const OrderedJson* others = other.find("properties");
      const OrderedJson* further = other.find("additionalProperties");
      for (const auto& [name, value] : named->members) {
        const OrderedJson* same = others ? others->find(name) : nullptr;
        if (same && !common) continue;
        const OrderedJson* with = same ? same : further;
        out.members.emplace_back(name, with ? all_of(value, *with) : value);
      }
    };
    add(a_, b_, true);
    add(b_, a_, false);
    return out;
  }

  const Schema& a_;
  const Schema& b_;
};

}  // namespace

Schema SchemaDocument::both(const Schema& a, const Schema& b) {
  step(a.path);
  if (a.json->is(Kind::kBool)) return a.json->boolean ? b : a;
  if (b.json->is(Kind::kBool)) return b.json->boolean ? a : b;
  const OrderedJson *x = a.find("const"), *y = b.find("const");
  if (x && y && !same_value(*x, *y)) return keep({.kind = Kind::kBool}, a.path);
  return keep(Merger(a, b).merged(), a.path);
}

bool SchemaDocument::disjoint(const Schema& a, const Schema& b, int depth) {
  constexpr int kMostDepth = 8;
  step(a.path);
  const Types common =
      (written_types(a) & declared_types(b)) | (written_types(b) & declared_types(a));
  if (common == 0) return true;
  if (a.json->is(Kind::kBool) || b.json->is(Kind::kBool) || depth == kMostDepth) return false;
  const auto x = listed_values(a), y = listed_values(b);
  if (x && y) {
    return std::none_of(x->begin(), x->end(), [&](const OrderedJson* value) {
      return std::any_of(y->begin(), y->end(),
                         [&](const OrderedJson* other) { return same_value(*value, *other); });
    });
  }
  if (common != kObjectType) return false;
  const auto tells = [&](const Schema& from, const Schema& other) {
    const OrderedJson *mine = from.find("properties"), *theirs = other.find("properties");
    for (const std::string& name : required_names(from)) {
      const OrderedJson* their = theirs ? theirs->find(name) : nullptr;
      const OrderedJson* further = other.find("additionalProperties");
      if (!their && further && further->is(Kind::kBool) && !further->boolean) return true;
      const OrderedJson* my = mine ? mine->find(name) : nullptr;
      if (my && their && disjoint(flat({my, from.path}), flat({their, other.path}), depth + 1)) {
        return true;
      }
    }
    return false;
  };
  return tells(a, b) || tells(b, a);
}

}  // namespace heng::grammar
