#include "text/jinja_operators.h"

#include <cmath>

#include "text/jinja_builtins.h"

namespace heng::text::jinja {
namespace {

const char* spelled(Operator op) {
  static constexpr const char* kSpelled[] = {"+", "-", "*", "/", "//", "%", "**"};
  return kSpelled[static_cast<size_t>(op)];
}

void need_defined(Run& run, const Value& value) {
  if (value.is(Kind::kUndefined)) run.fail("'" + value.what().name + "' is undefined");
}

[[noreturn]] void fail_types(Run& run, Operator op, const Value& a, const Value& b) {
  need_defined(run, a);
  need_defined(run, b);
  run.fail(std::string("no operation ") + spelled(op) + " between " + type_name(a) + " and " +
           type_name(b));
}

Value finite(Run& run, double value) {
  if (!std::isfinite(value)) run.refuse("a number that is not finite");
  return value;
}

int64_t floor_divide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0) && ((a < 0) != (b < 0)));
}

Value power(Run& run, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) run.fail("division by zero");
    return finite(run, std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    run.charge();
    if (__builtin_mul_overflow(result, base, &result)) run.refuse("an integer beyond 64 bits");
    if (result == base && (base == 0 || base == 1)) break;
  }
  return result;
}

Value integer_arithmetic(Run& run, Operator op, int64_t a, int64_t b) {
  const bool divides =
      op == Operator::kDivide || op == Operator::kFloorDivide || op == Operator::kModulo;
  if (divides && b == 0) run.fail("division by zero");
  int64_t result = 0;
  bool overflow = divides && a == INT64_MIN && b == -1;
  switch (op) {
    case Operator::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::kSubtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::kMultiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::kDivide: {
      constexpr int64_t kExact = int64_t{1} << 53;  // beyond it a double rounds before dividing
      if (a > kExact || a < -kExact || b > kExact || b < -kExact) {
        run.refuse("dividing integers beyond 53 bits");
      }
      return static_cast<double>(a) / static_cast<double>(b);
    }
    case Operator::kFloorDivide:
      if (!overflow) result = floor_divide(a, b);
      break;
    case Operator::kModulo:
      if (!overflow) result = a - b * floor_divide(a, b);
      break;
    default:
      return power(run, a, b);
  }
  if (overflow) run.refuse("an integer beyond 64 bits");
  return result;
}

// Python's float.__mod__: the sign of the divisor.
double float_modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  return rest == 0 ? std::copysign(0.0, b) : rest;
}

Value float_arithmetic(Run& run, Operator op, double a, double b) {
  const bool divides =
      op == Operator::kDivide || op == Operator::kFloorDivide || op == Operator::kModulo;
  if (divides && b == 0) run.fail("division by zero");
  switch (op) {
    case Operator::kAdd:
      return finite(run, a + b);
    case Operator::kSubtract:
      return finite(run, a - b);
    case Operator::kMultiply:
      return finite(run, a * b);
    case Operator::kDivide:
      return finite(run, a / b);
    case Operator::kFloorDivide:
      // As CPython does it: by way of the rest, which is exact.
      return finite(run, std::round((a - float_modulo(a, b)) / b));
    case Operator::kModulo:
      return finite(run, float_modulo(a, b));
    default:
      return finite(run, std::pow(a, b));
  }
}

Value joined(Run& run, const Value& a, const Value& b) {
  if (a.is(Kind::kString)) {
    run.charge_bytes(a.text().size() + b.text().size());
    Text text = a.text();
    text.append(b.text());
    return text;
  }
  std::vector<Value> items = a.list().items;
  items.insert(items.end(), b.list().items.begin(), b.list().items.end());
  return make_list(run, std::move(items), a.is_tuple());
}

Value repeated(Run& run, const Value& value, int64_t times) {
  const size_t n = static_cast<size_t>(std::max<int64_t>(times, 0));
  const bool is_text = value.is(Kind::kString);
  const size_t size = is_text ? value.text().size() : value.list().items.size();
  if (size > 0) run.charge(n);
  Text text;
  std::vector<Value> items;
  for (size_t i = 0; i < n && size > 0; ++i) {
    run.charge_bytes(size);
    if (is_text) {
      text.append(value.text());
    } else {
      run.charge(size);
      items.insert(items.end(), value.list().items.begin(), value.list().items.end());
    }
  }
  if (is_text) return text;
  return make_list(run, std::move(items), value.is_tuple());
}

}  // namespace

Value arithmetic(Run& run, Operator op, const Value& a, const Value& b) {
  run.charge();
  if (a.is_integer() && b.is_integer()) {
    return integer_arithmetic(run, op, a.integer(), b.integer());
  }
  if (a.is_number() && b.is_number()) return float_arithmetic(run, op, a.number(), b.number());
  const bool sequence = a.is(Kind::kString) || a.is(Kind::kList);
  if (op == Operator::kAdd && sequence && a.kind() == b.kind() && a.is_tuple() == b.is_tuple()) {
    return joined(run, a, b);
  }
  if (op == Operator::kMultiply && sequence && b.is_integer()) {
    return repeated(run, a, b.integer());
  }
  if (op == Operator::kMultiply && a.is_integer() && (b.is(Kind::kString) || b.is(Kind::kList))) {
    return repeated(run, b, a.integer());
  }
  if (op == Operator::kModulo && a.is(Kind::kString)) run.refuse("formatting a str with %");
  fail_types(run, op, a, b);
}

bool compare(Run& run, Operator op, const Value& a, const Value& b) {
  if (op == Operator::kEqual) return equal(run, a, b);
  if (op == Operator::kNotEqual) return !equal(run, a, b);
  if (op == Operator::kIn) return contains(run, b, a);
  if (op == Operator::kNotIn) return !contains(run, b, a);
  need_defined(run, a);
  need_defined(run, b);
  switch (op) {
    case Operator::kLess:
      return less(run, a, b);
    case Operator::kLessEqual:
      return !less(run, b, a);
    case Operator::kGreater:
      return less(run, b, a);
    default:
      return !less(run, a, b);
  }
}

Value negative(Run& run, const Value& value) {
  need_defined(run, value);
  if (value.is_integer()) return integer_arithmetic(run, Operator::kSubtract, 0, value.integer());
  if (value.is(Kind::kFloat)) return -value.number();
  run.fail("no negative of a " + type_name(value));
}

namespace {

Value loop_attribute(Run& run, const Loop& loop, const std::string& name) {
  const auto size = static_cast<int64_t>(loop.items.size());
  const auto index = static_cast<int64_t>(loop.index);
  if (name == "index0") return index;
  if (name == "index") return index + 1;
  if (name == "revindex0") return size - index - 1;
  if (name == "revindex") return size - index;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == size;
  if (name == "length") return size;
  if (name == "depth") return int64_t{1};  // loops inside loops count for recursive ones only
  if (name == "depth0") return int64_t{0};
  if (name == "previtem") return index > 0 ? loop.items[loop.index - 1] : Value::undefined(name);
  if (name == "nextitem") {
    return index + 1 < size ? loop.items[loop.index + 1] : Value::undefined(name);
  }
  run.refuse("loop." + name);
}

// The place in `size` items that Python's index means; nullopt outside.
std::optional<size_t> index_in(int64_t index, size_t size) {
  const auto n = static_cast<int64_t>(size);
  if (index < -n || index >= n) return std::nullopt;
  return static_cast<size_t>(index < 0 ? index + n : index);
}

// Python's slice.indices, which any range of integers goes through.
std::vector<size_t> slice_indices(Run& run, const Value& first, const Value& last,
                                  const Value& step, size_t size) {
  const auto bound = [&](const Value& value, int64_t otherwise) {
    if (value.is(Kind::kNone)) return otherwise;
    if (!value.is_integer()) run.fail("a slice by a " + type_name(value));
    return value.integer();
  };
  const int64_t by = bound(step, 1), n = static_cast<int64_t>(size);
  if (by == 0) run.fail("a slice with step 0");
  const int64_t low = by > 0 ? 0 : -1, high = by > 0 ? n : n - 1;
  const auto clamped = [&](const Value& value, int64_t otherwise) {
    if (value.is(Kind::kNone)) return otherwise;
    const int64_t given = bound(value, 0);
    // n is small, so that neither sum can overflow.
    return std::min(std::max(given < 0 ? given + n : given, low), high);
  };
  std::vector<size_t> indices;
  const int64_t end = clamped(last, by > 0 ? high : low);
  for (int64_t i = clamped(first, by > 0 ? low : high); by > 0 ? i < end : i > end;) {
    indices.push_back(static_cast<size_t>(i));
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  run.charge(1 + indices.size());
  return indices;
}

}  // namespace

Value attribute(Run& run, const Value& object, const std::string& name) {
  run.charge();
  need_defined(run, object);
  if (object.is(Kind::kLoop)) {
    if (name == "cycle") return Callable{nullptr, std::make_shared<const Value>(object), name};
    return loop_attribute(run, object.loop(), name);
  }
  if (object.is(Kind::kNamespace)) {
    for (const auto& [member, value] : object.space().members) {
      run.charge();
      if (member == name) return value;
    }
    return Value::undefined(name);
  }
  if (is_method(run, object, name)) {
    return Callable{nullptr, std::make_shared<const Value>(object), name};
  }
  if (object.is(Kind::kDict)) {
    const Value* value = find_key(run, object.dict(), Value::literal(name));
    if (value) return *value;
  }
  return Value::undefined(name);
}

Value item(Run& run, const Value& object, const Value& key) {
  run.charge();
  need_defined(run, object);
  if (object.is(Kind::kDict)) {
    const Value* value = find_key(run, object.dict(), key);
    if (value) return *value;
  }
  if (key.is_integer()) {
    if (object.is(Kind::kString)) {
      const std::vector<size_t> starts = character_starts(object.text());
      run.charge(object.text().size() / 4);
      const auto at = index_in(key.integer(), starts.size() - 1);
      if (at) return object.text().slice(starts[*at], starts[*at + 1]);
    } else if (object.is(Kind::kList)) {
      const auto& items = object.list().items;
      if (const auto at = index_in(key.integer(), items.size())) return items[*at];
    } else if (object.is(Kind::kIterable) && object.iterable().kind == Iterable::Kind::kRange) {
      const auto& items = object.iterable().items;
      if (const auto at = index_in(key.integer(), items.size())) return items[*at];
    }
    return Value::undefined(std::to_string(key.integer()));
  }
  if (key.is(Kind::kString)) return attribute(run, object, key.bytes());
  return Value::undefined("a " + type_name(key) + " as a subscript");
}

Value slice(Run& run, const Value& object, const Value& first, const Value& last,
            const Value& step) {
  run.charge();
  need_defined(run, object);
  if (object.is(Kind::kString)) {
    const std::vector<size_t> starts = character_starts(object.text());
    run.charge(object.text().size() / 4);
    Text text;
    for (const size_t i : slice_indices(run, first, last, step, starts.size() - 1)) {
      text.append(object.text(), starts[i], starts[i + 1]);
    }
    return text;
  }
  const bool range = object.is(Kind::kIterable) && object.iterable().kind == Iterable::Kind::kRange;
  if (!object.is(Kind::kList) && !range) run.fail("a " + type_name(object) + " cannot be sliced");
  const auto& items = range ? object.iterable().items : object.list().items;
  std::vector<Value> out;
  for (const size_t i : slice_indices(run, first, last, step, items.size())) {
    out.push_back(items[i]);
  }
  if (range) return Iterable{Iterable::Kind::kRange, std::move(out)};
  return make_list(run, std::move(out), object.is_tuple());
}

}  // namespace heng::text::jinja
