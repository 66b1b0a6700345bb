#include "text/jinja_value.h"

#include <algorithm>
#include <array>

#include "base/message.h"
#include "base/number_text.h"

namespace heng::text::jinja {
namespace {

bool has_hash(const Value& value) {
  if (value.is_tuple()) {
    const auto& items = value.list().items;
    return std::all_of(items.begin(), items.end(), has_hash);
  }
  return value.is(Kind::kUndefined) || value.is(Kind::kNone) || value.is(Kind::kString) ||
         value.is_number();
}

// How deep `value` is, plus one; refuses what could hold the container it is put into.
int nesting_with(Run& run, const Value& value) {
  switch (value.kind()) {
    case Kind::kList:
      return value.list().nesting + 1;
    case Kind::kDict:
      return value.dict().nesting + 1;
    case Kind::kIterable:
    case Kind::kNamespace:
    case Kind::kLoop:
    case Kind::kCallable:
      run.refuse("a " + type_name(value) + " inside a list or dict");
    default:
      return 1;
  }
}

// dict.items.size() where there is no such key.
size_t index_of(Run& run, const Dict& dict, const Value& key) {
  size_t at = 0;
  while (at < dict.items.size() && !equal(run, dict.items[at].first, key)) ++at;
  return at;
}

int checked_nesting(Run& run, int nesting) {
  if (nesting > kMostNesting) {
    run.fail("lists and dicts nested deeper than " + std::to_string(kMostNesting));
  }
  return nesting;
}

int nesting_of(Run& run, const std::vector<Value>& items) {
  run.charge(1 + items.size());
  int nesting = 1;
  for (const Value& item : items) nesting = std::max(nesting, nesting_with(run, item));
  return checked_nesting(run, nesting);
}

bool equal_items(Run& run, const std::vector<Value>& a, const std::vector<Value>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [&](const Value& x, const Value& y) { return equal(run, x, y); });
}

bool equal_dicts(Run& run, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = find_key(run, b, key);
    if (!other || !equal(run, value, *other)) return false;
  }
  return true;
}

// Of an integer and a float exactly: 64 bits of mantissa hold every int64_t.
long double exact(const Value& number) {
  return number.is(Kind::kFloat) ? static_cast<long double>(number.number())
                                 : static_cast<long double>(number.integer());
}

void append_items(Run& run, const std::vector<Value>& items, Text& out) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) out.append(", ");
    first = false;
    out.append(to_repr(run, item));
  }
}

Text list_repr(Run& run, const List& list) {
  Text out(list.is_tuple ? "(" : "[");
  append_items(run, list.items, out);
  if (list.is_tuple && list.items.size() == 1) out.append(",");
  out.append(list.is_tuple ? ")" : "]");
  return out;
}

Text dict_repr(Run& run, const Dict& dict) {
  Text out("{");
  for (size_t i = 0; i < dict.items.size(); ++i) {
    if (i > 0) out.append(", ");
    out.append(to_repr(run, dict.items[i].first));
    out.append(": ");
    out.append(to_repr(run, dict.items[i].second));
  }
  out.append("}");
  return out;
}

}  // namespace

Value Value::undefined(std::string name) {
  Value value;
  value.data_ = std::make_shared<const Undefined>(Undefined{std::move(name)});
  return value;
}

std::string type_name(const Value& value) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "undefined value", "None",      "bool", "int",     "float", "str", "list", "dict",
      "iterator",        "namespace", "loop", "function"};
  return value.is_tuple() ? "tuple" : std::string(kNames[static_cast<size_t>(value.kind())]);
}

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.number() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kList:
      return !value.list().items.empty();
    case Kind::kDict:
      return !value.dict().items.empty();
    case Kind::kIterable:
      return value.iterable().kind == Iterable::Kind::kOnce || !value.iterable().items.empty();
    default:
      return true;
  }
}

// Python's repr: the shortest digits that read back the same; an exponent below 1e-4 and from 1e16.
Text to_repr(Run& run, const Value& value) {
  if (value.is(Kind::kUndefined)) return Text("Undefined");
  if (!value.is(Kind::kString)) return to_text(run, value);
  run.charge(1 + value.text().size());
  return quoted(value.text());
}

Text to_text(Run& run, const Value& value) {
  run.charge();
  switch (value.kind()) {
    case Kind::kUndefined:
      return Text();
    case Kind::kNone:
      return Text("None");
    case Kind::kBool:
      return Text(value.boolean() ? "True" : "False");
    case Kind::kInt:
      return Text(std::to_string(value.integer()));
    case Kind::kFloat:
      return Text(float_text(value.number()));
    case Kind::kString:
      run.charge_bytes(value.text().size());
      return value.text();
    case Kind::kList:
      return list_repr(run, value.list());
    case Kind::kDict:
      return dict_repr(run, value.dict());
    default:
      run.refuse("writing out a " + type_name(value));
  }
}

bool equal(Run& run, const Value& a, const Value& b) {
  run.charge();
  if (a.is_number() && b.is_number()) return exact(a) == exact(b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      run.charge_bytes(std::min(a.text().size(), b.text().size()));
      return a.bytes() == b.bytes();
    case Kind::kList:
      return a.is_tuple() == b.is_tuple() && equal_items(run, a.list().items, b.list().items);
    case Kind::kDict:
      return equal_dicts(run, a.dict(), b.dict());
    default:
      run.refuse("comparing a " + type_name(a));
  }
}

bool less(Run& run, const Value& a, const Value& b) {
  run.charge();
  if (a.is_number() && b.is_number()) return exact(a) < exact(b);
  if (a.is(Kind::kString) && b.is(Kind::kString)) {
    run.charge_bytes(std::min(a.text().size(), b.text().size()));
    return a.bytes() < b.bytes();  // UTF-8 keeps the order of the characters
  }
  if (a.is(Kind::kList) && b.is(Kind::kList) && a.is_tuple() == b.is_tuple()) {
    const auto &x = a.list().items, &y = b.list().items;
    for (size_t i = 0; i < x.size() && i < y.size(); ++i) {
      if (!equal(run, x[i], y[i])) return less(run, x[i], y[i]);
    }
    return x.size() < y.size();
  }
  run.fail("no order between " + type_name(a) + " and " + type_name(b));
}

bool contains(Run& run, const Value& container, const Value& item) {
  if (container.is(Kind::kString)) {
    if (!item.is(Kind::kString)) run.fail("'in' a str: expected a str, found " + type_name(item));
    run.charge_bytes(container.text().size());
    return find_bytes(container.bytes(), item.bytes(), 0) != std::string::npos;
  }
  if (container.is(Kind::kDict)) {
    if (!has_hash(item)) run.fail("a " + type_name(item) + " cannot be the key of a dict");
    return find_key(run, container.dict(), item) != nullptr;
  }
  for (const Value& other : items_of(run, container)) {
    if (equal(run, item, other)) return true;
  }
  return false;
}

Value make_list(Run& run, std::vector<Value> items, bool is_tuple) {
  const int nesting = nesting_of(run, items);
  return List{std::move(items), is_tuple, nesting};
}

Value make_iterable(Run& run, Iterable::Kind kind, std::vector<Value> items) {
  nesting_of(run, items);
  return Iterable{kind, std::move(items)};
}

Value make_dict(Run& run, std::vector<std::pair<Value, Value>> items) {
  Dict dict;
  for (auto& [key, value] : items) {
    if (!has_hash(key)) run.fail("a " + type_name(key) + " cannot be the key of a dict");
    dict.nesting = std::max({dict.nesting, nesting_with(run, key), nesting_with(run, value)});
    const size_t at = index_of(run, dict, key);
    if (at == dict.items.size()) dict.items.emplace_back(std::move(key), Value());
    dict.items[at].second = std::move(value);
  }
  checked_nesting(run, dict.nesting);
  return dict;
}

const Value* find_key(Run& run, const Dict& dict, const Value& key) {
  const size_t at = index_of(run, dict, key);
  return at == dict.items.size() ? nullptr : &dict.items[at].second;
}

std::vector<Value> items_of(Run& run, const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::kUndefined:
      break;
    case Kind::kString: {
      const std::vector<size_t> starts = character_starts(value.text());
      run.charge(4 * starts.size());  // a character by itself takes memory
      for (size_t i = 0; i + 1 < starts.size(); ++i) {
        items.emplace_back(value.text().slice(starts[i], starts[i + 1]));
      }
      break;
    }
    case Kind::kList:
      items = value.list().items;
      break;
    case Kind::kDict:
      for (const auto& [key, unused] : value.dict().items) items.push_back(key);
      break;
    case Kind::kIterable: {
      Iterable& all = value.iterable();
      items.assign(all.items.begin() + all.taken, all.items.end());
      if (all.kind == Iterable::Kind::kOnce) all.taken = all.items.size();
      break;
    }
    default:
      run.fail("a " + type_name(value) + " cannot be iterated");
  }
  run.charge(1 + items.size());
  return items;
}

int64_t length_of(Run& run, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      run.charge(value.text().size() / 4);
      return static_cast<int64_t>(character_starts(value.text()).size()) - 1;
    case Kind::kList:
      return static_cast<int64_t>(value.list().items.size());
    case Kind::kDict:
      return static_cast<int64_t>(value.dict().items.size());
    case Kind::kIterable:
      if (value.iterable().kind != Iterable::Kind::kOnce) {
        return static_cast<int64_t>(value.iterable().items.size());
      }
      [[fallthrough]];
    default:
      run.fail("a " + type_name(value) + " has no length");
  }
}

}  // namespace heng::text::jinja
