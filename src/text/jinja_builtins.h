// The filters, tests, methods and functions that a chat template may call: Jinja2's and those that
// transformers adds. What is not here is refused by name.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja_value.h"

namespace heng::text::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Arguments put to the names of parameters, in order. Fails for one too many or of another name.
class Parameters {
 public:
  Parameters(Run& run, const std::string& callee, std::initializer_list<std::string_view> names,
             const Arguments& arguments);

  // nullptr where it was not given.
  const Value* find(size_t index) const { return values_[index]; }
  const Value& need(size_t index) const;
  const Text& text(size_t index) const;  // fails where it is no str
  // nullptr as for find; None counts as not given.
  const Text* text_or_none(size_t index) const;
  int64_t integer_or(size_t index, int64_t otherwise) const;
  bool truth_or(size_t index, bool otherwise) const;

 private:
  Run& run_;
  const std::string callee_;
  std::vector<std::string> names_;
  std::vector<const Value*> values_;
};

Value call_filter(Run& run, const std::string& name, const Value& value,
                  const Arguments& arguments);
bool call_test(Run& run, const std::string& name, const Value& value, const Arguments& arguments);

// Whether `object` has a method of that name; refuses Python's that are not here.
bool is_method(Run& run, const Value& object, const std::string& name);
Value call_method(Run& run, const Value& object, const std::string& name,
                  const Arguments& arguments);

// range, dict, namespace, raise_exception; undefined for another name.
Value find_function(const std::string& name);
Value call_function(Run& run, const std::string& name, const Arguments& arguments);

// str.lower and so on; refuses characters with a mapping of their own.
Value change_case(Run& run, const Text& text, Case how);
// The items of a chain "a.b.0" from each value, as the filters' `attribute`.
Value attribute_path(Run& run, const Value& value, const Value& path);

// The filters that go over sequences, and tojson: each in a file of its own. False: not this name.
bool call_sequence_filter(Run& run, const std::string& name, const Value& value,
                          const Arguments& arguments, Value& result);
Value to_json(Run& run, const Value& value, const Arguments& arguments);

}  // namespace heng::text::jinja
