// Parameters, functions, and the filters of single values.
#include "text/jinja_builtins.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/message.h"
#include "text/jinja_operators.h"

namespace heng::text::jinja {
namespace {

constexpr size_t kMostRange = 100'000;  // jinja2.sandbox.MAX_RANGE

// `text` as Python's int() or float() would read it: stripped, no underscores.
std::string digits_of(const Text& text) {
  return strip(text, Side::kBoth, std::nullopt).bytes();
}

std::optional<double> read_float(Run& run, const std::string& digits) {
  if (digits.empty() || digits.find_first_not_of("0123456789+-.eE") != std::string::npos) {
    const auto odd = [](char c) { return c == '_' || (static_cast<uint8_t>(c) & 0x80) != 0; };
    if (std::any_of(digits.begin(), digits.end(), odd)) run.refuse("this spelling of a number");
    return std::nullopt;
  }
  const char *begin = digits.data() + (digits[0] == '+'), *end = digits.data() + digits.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc::result_out_of_range) run.refuse("a number that is not finite");
  if (error != std::errc() || stop != end || (begin > digits.data() && *begin == '-')) {
    return std::nullopt;
  }
  return value;
}

Value truncated(Run& run, double value) {
  if (std::fabs(value) >= 0x1p63) run.refuse("an integer beyond 64 bits");
  return static_cast<int64_t>(value);
}

Value filter_int(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "int", {"default", "base"}, arguments);
  if (given.integer_or(1, 10) != 10) run.refuse("a base other than 10");
  if (value.is_integer()) return value.integer();
  if (value.is(Kind::kFloat)) return truncated(run, value.number());
  if (value.is(Kind::kUndefined)) run.fail("'" + value.what().name + "' is undefined");
  if (value.is(Kind::kString)) {
    run.charge(value.text().size());
    const std::string digits = digits_of(value.text());
    const char *begin = digits.data() + digits.starts_with('+'),
               *end = digits.data() + digits.size();
    int64_t integer = 0;
    const auto [stop, error] = std::from_chars(begin, end, integer);
    if (error == std::errc::result_out_of_range) run.refuse("an integer beyond 64 bits");
    if (error == std::errc() && stop == end && !digits.starts_with("+-")) return integer;
    if (const auto number = read_float(run, digits)) return truncated(run, *number);
  }
  return given.find(0) ? *given.find(0) : Value(int64_t{0});
}

Value filter_float(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "float", {"default"}, arguments);
  if (value.is_number()) return value.number();
  if (value.is(Kind::kUndefined)) run.fail("'" + value.what().name + "' is undefined");
  if (value.is(Kind::kString)) {
    run.charge(value.text().size());
    if (const auto number = read_float(run, digits_of(value.text()))) return *number;
  }
  return given.find(0) ? *given.find(0) : Value(0.0);
}

Value filter_round(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "round", {"precision", "method"}, arguments);
  const int64_t digits = given.integer_or(0, 0);
  const Text* method = given.text_or_none(1);
  if (!value.is_number()) run.fail("round: expected a number, found " + type_name(value));
  if (digits < 0 || digits > 15) run.refuse("rounding to " + std::to_string(digits) + " digits");
  if (!method || method->bytes() == "common") {
    if (value.is_integer()) return value.integer();
    // printf rounds the exact binary value, ties to even, as Python does.
    std::array<char, 400> buffer;
    std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(digits), value.number());
    return std::strtod(buffer.data(), nullptr);
  }
  const bool up = method->bytes() == "ceil";
  if (!up && method->bytes() != "floor") run.fail("round: method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.number() * scale;
  if (!std::isfinite(scaled)) run.refuse("a number that is not finite");
  return (up ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value filter_abs(Run& run, const Value& value) {
  const bool is_negative = value.is(Kind::kFloat) ? std::signbit(value.number())
                                                  : value.is_integer() && value.integer() < 0;
  if (!value.is_number()) run.fail("abs: expected a number, found " + type_name(value));
  if (is_negative) return negative(run, value);
  return value.is(Kind::kBool) ? Value(value.integer()) : value;
}

Value filter_indent(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "indent", {"width", "first", "blank"}, arguments);
  Text indention;
  if (given.find(0) && given.find(0)->is(Kind::kString)) {
    indention = given.text(0);
  } else {
    const int64_t width = given.integer_or(0, 4);
    run.charge_bytes(static_cast<size_t>(std::clamp<int64_t>(width, 0, INT32_MAX)));
    indention = Text(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '));
  }
  const bool first = given.truth_or(1, false), blank = given.truth_or(2, false);
  if (!value.is(Kind::kString)) run.fail("indent: expected a str, found " + type_name(value));
  Text text = value.text();
  run.charge(text.size());
  text.append("\n");
  Text out = first ? indention : Text();
  bool is_first = true;
  for (const Text& line : split_lines(text)) {
    if (!is_first) out.append("\n");
    if (!is_first && (blank || !line.empty())) {
      run.charge_bytes(indention.size());
      out.append(indention);
    }
    out.append(line);
    is_first = false;
  }
  return out;
}

Value filter_trim(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "trim", {"chars"}, arguments);
  const Text* chars = given.text_or_none(0);
  const Text text = to_text(run, value);
  if (!chars) return strip(text, Side::kBoth, std::nullopt);
  run.charge_bytes(text.size() * chars->size());
  return strip(text, Side::kBoth, chars->bytes());
}

Value filter_replace(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "replace", {"old", "new", "count"}, arguments);
  const Text text = to_text(run, value);
  const Text from = to_text(run, given.need(0)), to = to_text(run, given.need(1));
  const bool all = !given.find(2) || given.find(2)->is(Kind::kNone);
  const size_t most_hits = text.size() / std::max<size_t>(from.size(), 1) + 1;
  run.charge(most_hits / 4);
  if (to.size() > from.size()) run.charge_bytes(most_hits * to.size());
  return replace(text, from.bytes(), to, all ? -1 : given.integer_or(2, -1));
}

Value filter_default(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "default", {"default_value", "boolean"}, arguments);
  const bool lacks = value.is(Kind::kUndefined) || (given.truth_or(1, false) && !is_true(value));
  if (!lacks) return value;
  return given.find(0) ? *given.find(0) : Value(Text());
}

Value make_range(Run& run, const Arguments& arguments) {
  const Parameters given(run, "range", {"start", "stop", "step"}, arguments);
  for (size_t i = 0; i < 3; ++i) {
    if (given.find(i) && !given.find(i)->is_integer()) run.fail("range: expected integers");
  }
  given.need(0);
  const bool one = !given.find(1);
  const int64_t start = one ? 0 : given.integer_or(0, 0);
  const int64_t stop = one ? given.integer_or(0, 0) : given.integer_or(1, 0);
  const int64_t step = given.integer_or(2, 1);
  if (step == 0) run.fail("range: the step is 0");
  Iterable all{Iterable::Kind::kRange, {}};
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (all.items.size() == kMostRange) {
      run.fail("range: more than " + std::to_string(kMostRange) + " items");
    }
    run.charge();
    all.items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return all;
}

std::vector<std::pair<Value, Value>> named_items(const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [name, value] : arguments.named) {
    items.emplace_back(Value::literal(name), value);
  }
  return items;
}

Value make_dict_of(Run& run, const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> items;
  if (arguments.positional.size() > 1) run.fail("dict: takes one argument without a name");
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional[0];
    if (!from.is(Kind::kDict)) run.refuse("dict of a " + type_name(from));
    items = from.dict().items;
  }
  for (auto& item : named_items(arguments)) items.push_back(std::move(item));
  return make_dict(run, std::move(items));
}

Value make_namespace(Run& run, const Arguments& arguments) {
  // A dict checks what may be inside.
  const Value members = make_dict_of(run, arguments);
  Namespace space;
  for (const auto& [name, value] : members.dict().items) {
    if (!name.is(Kind::kString)) run.fail("namespace: a name that is no str");
    space.members.emplace_back(name.bytes(), value);
  }
  return space;
}

}  // namespace

Parameters::Parameters(Run& run, const std::string& callee,
                       std::initializer_list<std::string_view> names, const Arguments& arguments)
    : run_(run), callee_(callee), names_(names.begin(), names.end()), values_(names.size()) {
  if (arguments.positional.size() > names.size()) {
    run.fail(callee + ": " + std::to_string(arguments.positional.size()) +
             " arguments, takes at most " + std::to_string(names.size()));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const size_t i =
        static_cast<size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    if (i == names_.size()) run.fail(callee + ": has no argument \"" + printable(name) + "\"");
    if (values_[i]) run.fail(callee + ": the argument \"" + name + "\" twice");
    values_[i] = &value;
  }
}

const Value& Parameters::need(size_t index) const {
  if (values_[index]) return *values_[index];
  run_.fail(callee_ + ": needs the argument \"" + names_[index] + "\"");
}

const Text& Parameters::text(size_t index) const {
  const Value& value = need(index);
  if (value.is(Kind::kString)) return value.text();
  run_.fail(callee_ + ": expected a str as \"" + names_[index] + "\", found " + type_name(value));
}

const Text* Parameters::text_or_none(size_t index) const {
  const Value* value = find(index);
  return value && !value->is(Kind::kNone) ? &text(index) : nullptr;
}

int64_t Parameters::integer_or(size_t index, int64_t otherwise) const {
  const Value* value = find(index);
  if (!value) return otherwise;
  if (value->is_integer()) return value->integer();
  run_.fail(callee_ + ": expected an int as \"" + names_[index] + "\", found " + type_name(*value));
}

bool Parameters::truth_or(size_t index, bool otherwise) const {
  return find(index) ? is_true(*find(index)) : otherwise;
}

Value change_case(Run& run, const Text& text, Case how) {
  run.charge(1 + text.size());
  if (auto changed = with_case(text, how)) return std::move(*changed);
  run.refuse("changing the case of a character that becomes several");
}

Value call_filter(Run& run, const std::string& name, const Value& value,
                  const Arguments& arguments) {
  run.charge();
  Value result;
  if (call_sequence_filter(run, name, value, arguments, result)) return result;
  if (name == "trim") return filter_trim(run, value, arguments);
  if (name == "tojson") return to_json(run, value, arguments);
  if (name == "default" || name == "d") return filter_default(run, value, arguments);
  if (name == "replace") return filter_replace(run, value, arguments);
  if (name == "indent") return filter_indent(run, value, arguments);
  if (name == "int") return filter_int(run, value, arguments);
  if (name == "float") return filter_float(run, value, arguments);
  if (name == "round") return filter_round(run, value, arguments);
  if (name == "safe") run.refuse("the filter safe inside an expression");
  constexpr std::array<std::pair<std::string_view, Case>, 4> kCases = {{
      {"upper", Case::kUpper},
      {"lower", Case::kLower},
      {"capitalize", Case::kCapitalized},
      {"title", Case::kTitleOfFilter},
  }};
  const bool plain = name == "string" || name == "abs";
  const auto change = std::find_if(kCases.begin(), kCases.end(),
                                   [&](const auto& entry) { return entry.first == name; });
  if (!plain && change == kCases.end()) run.refuse("the filter \"" + printable(name) + "\"");
  const Parameters none(run, name, {}, arguments);
  if (name == "abs") return filter_abs(run, value);
  const Text text = to_text(run, value);
  return plain ? Value(text) : change_case(run, text, change->second);
}

Value find_function(const std::string& name) {
  constexpr std::array<std::string_view, 4> kFunctions = {"range", "dict", "namespace",
                                                          "raise_exception"};
  const bool known = std::find(kFunctions.begin(), kFunctions.end(), name) != kFunctions.end();
  return known ? Value(Callable{nullptr, nullptr, name}) : Value::undefined(name);
}

Value call_function(Run& run, const std::string& name, const Arguments& arguments) {
  run.charge();
  if (name == "range") return make_range(run, arguments);
  if (name == "dict") return make_dict_of(run, arguments);
  if (name == "namespace") return make_namespace(run, arguments);
  const Parameters given(run, name, {"message"}, arguments);
  run.fail("the template says: " + printable(to_text(run, given.need(0)).bytes()));
}

}  // namespace heng::text::jinja
