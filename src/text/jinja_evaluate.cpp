// The expressions of jinja_interpreter.h.
#include <algorithm>
#include <array>
#include <utility>

#include "base/message.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_operators.h"

namespace heng::text::jinja {

const Value* Interpreter::find(std::string_view name) const {
  for (const Scope* scope = scope_; scope; scope = scope->outer) {
    run_.charge();
    const auto found = scope->names.find(name);
    if (found != scope->names.end()) return &found->second;
  }
  return nullptr;
}

Value Interpreter::look_up(const std::string& name) const {
  if (const Value* value = find(name)) return *value;
  // What Jinja defines and the subset lacks must not pass for undefined.
  constexpr std::array<std::string_view, 7> kLeftOut = {"self",   "caller", "varargs", "kwargs",
                                                        "lipsum", "cycler", "joiner"};
  if (std::find(kLeftOut.begin(), kLeftOut.end(), name) != kLeftOut.end()) {
    run_.refuse("the name \"" + name + "\"");
  }
  return find_function(name);
}

Value Interpreter::evaluate(const Expression& e) {
  using K = Expression::Kind;
  const Level level(*this);
  run_.charge();
  run_.at(e.offset);
  switch (e.kind) {
    case K::kConstant:
      return e.constant;
    case K::kName:
      return look_up(e.name);
    case K::kList:
    case K::kTuple: {
      std::vector<Value> items = evaluate_parts(e);
      return make_list(run_, std::move(items), e.kind == K::kTuple);
    }
    case K::kDict:
      return evaluate_dict(e);
    case K::kAttribute: {
      const Value object = evaluate(*e.parts[0]);
      run_.at(e.offset);
      return attribute(run_, object, e.name);
    }
    case K::kItem:
    case K::kBinary: {
      const std::vector<Value> parts = evaluate_parts(e);
      return e.kind == K::kItem ? item(run_, parts[0], parts[1])
                                : arithmetic(run_, e.operators[0], parts[0], parts[1]);
    }
    case K::kSlice:
      return evaluate_slice(e);
    case K::kCall:
      return evaluate_call(e);
    case K::kFilter:
    case K::kTest: {
      const Value value = evaluate(*e.parts[0]);
      const Arguments arguments = evaluate_arguments(e);
      run_.at(e.offset);
      if (e.kind == K::kTest) return call_test(run_, e.name, value, arguments);
      return call_filter(run_, e.name, value, arguments);
    }
    case K::kNot:
      return !is_true(evaluate(*e.parts[0]));
    case K::kNegate:
    case K::kPlus:
      return evaluate_sign(e);
    case K::kAnd:
    case K::kOr: {
      Value left = evaluate(*e.parts[0]);
      return is_true(left) == (e.kind == K::kAnd) ? evaluate(*e.parts[1]) : left;
    }
    case K::kCompare:
      return evaluate_compare(e);
    case K::kConcat:
      return evaluate_concat(e);
    case K::kConditional:
      return evaluate_choice(e);
  }
  return Value();
}

std::vector<Value> Interpreter::evaluate_parts(const Expression& e) {
  std::vector<Value> values;
  values.reserve(e.parts.size());
  for (const ExpressionPtr& part : e.parts) values.push_back(evaluate(*part));
  run_.at(e.offset);
  return values;
}

Value Interpreter::evaluate_dict(const Expression& e) {
  const std::vector<Value> parts = evaluate_parts(e);
  std::vector<std::pair<Value, Value>> items;
  for (size_t i = 0; i + 1 < parts.size(); i += 2) items.emplace_back(parts[i], parts[i + 1]);
  return make_dict(run_, std::move(items));
}

Value Interpreter::evaluate_compare(const Expression& e) {
  Value left = evaluate(*e.parts[0]);
  for (size_t i = 0; i < e.operators.size(); ++i) {
    Value right = evaluate(*e.parts[i + 1]);
    run_.at(e.offset);
    if (!compare(run_, e.operators[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::evaluate_concat(const Expression& e) {
  Text text;
  for (const Value& part : evaluate_parts(e)) text.append(to_text(run_, part));
  return text;
}

Value Interpreter::evaluate_slice(const Expression& e) {
  std::vector<Value> parts;
  for (const ExpressionPtr& part : e.parts) parts.push_back(part ? evaluate(*part) : None());
  run_.at(e.offset);
  return slice(run_, parts[0], parts[1], parts[2], parts[3]);
}

Value Interpreter::evaluate_sign(const Expression& e) {
  const Value value = evaluate(*e.parts[0]);
  run_.at(e.offset);
  const Value minus = negative(run_, value);
  return e.kind == Expression::Kind::kNegate ? minus : negative(run_, minus);
}

Value Interpreter::evaluate_choice(const Expression& e) {
  if (is_true(evaluate(*e.parts[1]))) return evaluate(*e.parts[0]);
  return e.parts[2] ? evaluate(*e.parts[2]) : Value::undefined("the other case of an if");
}

// Those behind parts[0].
Arguments Interpreter::evaluate_arguments(const Expression& e) {
  Arguments arguments;
  const size_t n_positional = e.parts.size() - e.keywords.size();
  for (size_t i = 1; i < e.parts.size(); ++i) {
    Value value = evaluate(*e.parts[i]);
    if (i < n_positional) {
      arguments.positional.push_back(std::move(value));
    } else {
      arguments.named.emplace_back(e.keywords[i - n_positional], std::move(value));
    }
  }
  return arguments;
}

Value Interpreter::evaluate_call(const Expression& e) {
  const Value callee = evaluate(*e.parts[0]);
  run_.at(e.offset);
  if (callee.is(Kind::kUndefined)) {
    const std::string& name = callee.what().name;
    // A prompt must not depend on the day it is built.
    if (name == "strftime_now") run_.refuse("strftime_now, today's date,");
    run_.fail("'" + printable(name) + "' is undefined and cannot be called");
  }
  if (!callee.is(Kind::kCallable)) run_.fail("a " + type_name(callee) + " cannot be called");
  Arguments arguments = evaluate_arguments(e);
  run_.at(e.offset);
  const Callable& function = callee.callable();
  if (function.macro) return call_macro(*function.macro, std::move(arguments));
  if (function.object) return call_method(run_, *function.object, function.name, arguments);
  return call_function(run_, function.name, arguments);
}

Value Interpreter::call_macro(const Statement& macro, Arguments arguments) {
  const Level level(*this);
  const auto& parameters = macro.parameters;
  run_.charge(parameters.size() * (1 + arguments.named.size()));
  if (arguments.positional.size() > parameters.size()) {
    run_.fail("macro " + macro.name + ": takes at most " + std::to_string(parameters.size()) +
              " arguments");
  }
  Scope inner{&root_};
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    inner.names[parameters[i]] = std::move(arguments.positional[i]);
  }
  for (auto& [name, value] : arguments.named) {
    const bool known = std::find(parameters.begin(), parameters.end(), name) != parameters.end();
    if (!known || inner.names.contains(name)) {
      run_.fail("macro " + macro.name + ": the argument " + printable(name) +
                (known ? " twice" : " is none of its parameters"));
    }
    inner.names[name] = std::move(value);
  }
  Scope* const outer = std::exchange(scope_, &inner);
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (inner.names.contains(parameters[i])) continue;
    const ExpressionPtr& otherwise = macro.expressions[i];
    Value value = otherwise ? evaluate(*otherwise) : Value::undefined(parameters[i]);
    inner.names[parameters[i]] = std::move(value);
  }
  scope_ = outer;
  return captured(macro.blocks[0], inner);
}

}  // namespace heng::text::jinja
