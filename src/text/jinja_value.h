// The values of a chat template: Python's, as far as templates use them. Lists and dicts are
// immutable and shared; namespaces alone change. Values of one rendering belong to its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_run.h"
#include "text/jinja_text.h"

namespace heng::text::jinja {

class Value;
struct Statement;

struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  int nesting = 1;
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in order of insertion, keys distinct
  int nesting = 1;
};

// What Python gives out item by item.
struct Iterable {
  enum class Kind {
    kOnce,   // a generator: what is taken is gone
    kView,   // dict.items(), keys(), values(): has a length
    kRange,  // has a length and can be indexed
  };
  Kind kind;
  std::vector<Value> items;
  size_t taken = 0;  // kOnce
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> members;
};

// A loop's place, as the variable `loop` tells it.
struct Loop {
  std::vector<Value> items;
  size_t index = 0;
};

// A macro, a method bound to its object, or a function by name.
struct Callable {
  const Statement* macro = nullptr;
  std::shared_ptr<const Value> object;
  std::string name;
};

struct Undefined {
  std::string name;  // of what was asked for
};
struct None {};

enum class Kind {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kDict,
  kIterable,
  kNamespace,
  kLoop,
  kCallable,
};

class Value {
 public:
  Value() : data_(std::make_shared<const Undefined>()) {}
  Value(None) : data_(None()) {}
  Value(bool value) : data_(value) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(Text text) : data_(std::make_shared<const Text>(std::move(text))) {}
  Value(List list) : data_(std::make_shared<const List>(std::move(list))) {}
  Value(Dict dict) : data_(std::make_shared<const Dict>(std::move(dict))) {}
  Value(Iterable items) : data_(std::make_shared<Iterable>(std::move(items))) {}
  Value(Namespace ns) : data_(std::make_shared<Namespace>(std::move(ns))) {}
  Value(std::shared_ptr<Loop> loop) : data_(std::move(loop)) {}
  Value(Callable callable) : data_(std::make_shared<const Callable>(std::move(callable))) {}
  Value(const char*) = delete;
  static Value undefined(std::string name);
  static Value literal(std::string_view text) { return Text(std::string(text)); }

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind kind) const { return this->kind() == kind; }
  bool is_tuple() const { return is(Kind::kList) && list().is_tuple; }
  // int or bool, as Python counts.
  bool is_integer() const { return is(Kind::kInt) || is(Kind::kBool); }
  bool is_number() const { return is_integer() || is(Kind::kFloat); }

  // REQUIRES, for each: that kind.
  const Undefined& what() const { return *std::get<0>(data_); }
  bool boolean() const { return std::get<2>(data_); }
  int64_t integer() const { return is(Kind::kBool) ? boolean() : std::get<3>(data_); }
  double number() const {
    return is(Kind::kFloat) ? std::get<4>(data_) : static_cast<double>(integer());
  }
  const Text& text() const { return *std::get<5>(data_); }
  const std::string& bytes() const { return text().bytes(); }
  const List& list() const { return *std::get<6>(data_); }
  const Dict& dict() const { return *std::get<7>(data_); }
  Iterable& iterable() const { return *std::get<8>(data_); }
  Namespace& space() const { return *std::get<9>(data_); }
  Loop& loop() const { return *std::get<10>(data_); }
  const Callable& callable() const { return *std::get<11>(data_); }

 private:
  std::variant<std::shared_ptr<const Undefined>, None, bool, int64_t, double,
               std::shared_ptr<const Text>, std::shared_ptr<const List>,
               std::shared_ptr<const Dict>, std::shared_ptr<Iterable>, std::shared_ptr<Namespace>,
               std::shared_ptr<Loop>, std::shared_ptr<const Callable>>
      data_;
};

// "int", "str", "list", ... for errors.
std::string type_name(const Value& value);

bool is_true(const Value& value);
// str(value) and repr(value). Refuses what Python would show by its address.
Text to_text(Run& run, const Value& value);
Text to_repr(Run& run, const Value& value);

bool equal(Run& run, const Value& a, const Value& b);
// a < b; fails for what Python cannot order.
bool less(Run& run, const Value& a, const Value& b);
bool contains(Run& run, const Value& container, const Value& item);

// Checked: nesting, and that no namespace, loop or function gets inside, so that no value can
// hold itself.
Value make_list(Run& run, std::vector<Value> items, bool is_tuple = false);
Value make_iterable(Run& run, Iterable::Kind kind, std::vector<Value> items);
// Of equal keys the last value holds, in the first one's place. Fails for keys that have no hash.
Value make_dict(Run& run, std::vector<std::pair<Value, Value>> items);
// nullptr where there is no such key.
const Value* find_key(Run& run, const Dict& dict, const Value& key);

// The items that a `for` would see; fails for what cannot be iterated.
std::vector<Value> items_of(Run& run, const Value& value);
// len(value); fails for what has none.
int64_t length_of(Run& run, const Value& value);

}  // namespace heng::text::jinja
