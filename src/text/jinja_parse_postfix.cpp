// What follows a value: attributes, items, slices, calls, filters, tests.
#include "text/jinja_parse_expression.h"

namespace heng::text::jinja {

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  while (true) {
    if (is_operator(".") || is_operator("[")) {
      value = subscript(std::move(value));
    } else if (is_operator("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr value) {
  while (true) {
    if (is_operator("|")) {
      value = filter(std::move(value));
    } else if (is_name("is")) {
      value = test(std::move(value));
    } else if (is_operator("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value) {
  const size_t offset = peek().offset;
  if (skip_operator(".")) {
    const bool by_index = peek().type == TokenType::kInteger;
    ExpressionPtr part = node(by_index ? Kind::kItem : Kind::kAttribute, offset);
    add(*part, std::move(value));
    if (by_index) {
      add(*part, number());
    } else {
      part->name = expect_name();
    }
    return part;
  }
  next();  // [
  ExpressionPtr first = is_operator(":") ? nullptr : expression();
  if (is_operator(":")) return slice(std::move(value), std::move(first), offset);
  if (is_operator(",")) fail(offset, "several subscripts at once are not supported");
  expect_operator("]");
  ExpressionPtr item = node(Kind::kItem, offset);
  add(*item, std::move(value));
  add(*item, std::move(first));
  return item;
}

ExpressionPtr ExpressionParser::slice(ExpressionPtr value, ExpressionPtr first, size_t offset) {
  ExpressionPtr all = node(Kind::kSlice, offset);
  add(*all, std::move(value));
  add(*all, std::move(first));
  for (int i = 0; i < 2; ++i) {
    const bool given = skip_operator(":") && !is_operator(":") && !is_operator("]");
    add(*all, given ? expression() : nullptr);
  }
  expect_operator("]");
  return all;
}

ExpressionPtr ExpressionParser::call(ExpressionPtr value) {
  ExpressionPtr all = node(Kind::kCall, peek().offset);
  add(*all, std::move(value));
  arguments(*all);
  return all;
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr value) {
  next();  // |
  ExpressionPtr all = node(Kind::kFilter, peek().offset);
  all->name = expect_name();
  add(*all, std::move(value));
  if (is_operator("(")) arguments(*all);
  return all;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  next();  // is
  const size_t not_offset = peek().offset;
  const bool negated = skip_name("not");
  ExpressionPtr all = node(Kind::kTest, peek().offset);
  all->name = expect_name();
  add(*all, std::move(value));
  const TokenType type = peek().type;
  if (is_operator("(")) {
    arguments(*all);
  } else if (is_name("is")) {
    fail_here("no second test");
  } else if ((type == TokenType::kName && !is_name("else") && !is_name("or") && !is_name("and")) ||
             type == TokenType::kString || type == TokenType::kInteger ||
             type == TokenType::kFloat || is_operator("[") || is_operator("{")) {
    add(*all, postfix(primary()));
  }
  if (!negated) return all;
  ExpressionPtr inverse = node(Kind::kNot, not_offset);
  add(*inverse, std::move(all));
  return inverse;
}

// "(a, b, name=c)" behind the parts that `call` has already.
void ExpressionParser::arguments(Expression& call) {
  expect_operator("(");
  bool first = true;
  while (!skip_operator(")")) {
    if (!first) {
      expect_operator(",");
      if (skip_operator(")")) break;
    }
    first = false;
    if (is_operator("*") || is_operator("**")) {
      fail(peek().offset, "arguments with " + peek().value + " are not supported");
    }
    const Token& after = peek(1);
    if (peek().type == TokenType::kName && after.type == TokenType::kOperator &&
        after.value == "=") {
      call.keywords.push_back(next().value);
      next();
    } else if (!call.keywords.empty()) {
      fail_here("a named argument");
    }
    add(call, expression());
  }
}

}  // namespace heng::text::jinja
