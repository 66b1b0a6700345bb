// What the operators, subscripts and attributes of a chat template do with values, as in Python
// under Jinja. Fail through Run for what Python cannot do; integers are 64 bits, beyond them is
// refused.
#pragma once

#include "text/jinja_ast.h"
#include "text/jinja_value.h"

namespace heng::text::jinja {

// + - * / // % **
Value arithmetic(Run& run, Operator op, const Value& a, const Value& b);
// == != < <= > >= in, not in
bool compare(Run& run, Operator op, const Value& a, const Value& b);
Value negative(Run& run, const Value& value);

// object.name, object[key]: undefined where there is no such thing.
Value attribute(Run& run, const Value& object, const std::string& name);
Value item(Run& run, const Value& object, const Value& key);
// object[first:last:step]; kNone where one is left out.
Value slice(Run& run, const Value& object, const Value& first, const Value& last,
            const Value& step);

}  // namespace heng::text::jinja
