// The tests behind `is`.
#include <algorithm>
#include <array>

#include "base/message.h"
#include "text/jinja_builtins.h"
#include "text/jinja_operators.h"

namespace heng::text::jinja {
namespace {

bool is_sequence(const Value& value) {
  const bool range = value.is(Kind::kIterable) && value.iterable().kind == Iterable::Kind::kRange;
  return range || value.is(Kind::kUndefined) || value.is(Kind::kString) || value.is(Kind::kList) ||
         value.is(Kind::kDict);
}

bool is_callable(const Value& value) {
  return value.is(Kind::kCallable) || value.is(Kind::kUndefined) || value.is(Kind::kLoop);
}

using Test = bool (*)(const Value&);
constexpr std::array<std::pair<std::string_view, Test>, 14> kTests = {{
    {"defined", [](const Value& v) { return !v.is(Kind::kUndefined); }},
    {"undefined", [](const Value& v) { return v.is(Kind::kUndefined); }},
    {"none", [](const Value& v) { return v.is(Kind::kNone); }},
    {"boolean", [](const Value& v) { return v.is(Kind::kBool); }},
    {"true", [](const Value& v) { return v.is(Kind::kBool) && v.boolean(); }},
    {"false", [](const Value& v) { return v.is(Kind::kBool) && !v.boolean(); }},
    {"integer", [](const Value& v) { return v.is(Kind::kInt); }},
    {"float", [](const Value& v) { return v.is(Kind::kFloat); }},
    {"number", [](const Value& v) { return v.is_number(); }},
    {"string", [](const Value& v) { return v.is(Kind::kString); }},
    {"mapping", [](const Value& v) { return v.is(Kind::kDict); }},
    {"sequence", is_sequence},
    {"iterable",
     [](const Value& v) { return is_sequence(v) || v.is(Kind::kIterable) || v.is(Kind::kLoop); }},
    {"callable", is_callable},
}};

struct Comparison {
  std::string_view name;
  Operator op;
};
constexpr std::array<Comparison, 12> kComparisons = {{
    {"equalto", Operator::kEqual},
    {"eq", Operator::kEqual},
    {"ne", Operator::kNotEqual},
    {"lt", Operator::kLess},
    {"lessthan", Operator::kLess},
    {"le", Operator::kLessEqual},
    {"gt", Operator::kGreater},
    {"greaterthan", Operator::kGreater},
    {"ge", Operator::kGreaterEqual},
    {"==", Operator::kEqual},
    {"!=", Operator::kNotEqual},
    {"in", Operator::kIn},
}};

bool is_even(Run& run, const Value& value) {
  const Value rest = arithmetic(run, Operator::kModulo, value, Value(int64_t{2}));
  return rest.number() == 0;
}

}  // namespace

bool call_test(Run& run, const std::string& name, const Value& value, const Arguments& arguments) {
  run.charge();
  for (const auto& [known, test] : kTests) {
    if (name != known) continue;
    const Parameters none(run, name, {}, arguments);
    return test(value);
  }
  for (const auto& [known, op] : kComparisons) {
    if (name != known) continue;
    const Parameters given(run, name, {"other"}, arguments);
    return compare(run, op, value, given.need(0));
  }
  if (name == "even" || name == "odd") {
    const Parameters none(run, name, {}, arguments);
    return is_even(run, value) == (name == "even");
  }
  if (name == "divisibleby") {
    const Parameters given(run, name, {"num"}, arguments);
    return !is_true(arithmetic(run, Operator::kModulo, value, given.need(0)));
  }
  run.refuse("the test \"" + printable(name) + "\"");
}

}  // namespace heng::text::jinja
