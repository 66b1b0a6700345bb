#include "text/jinja_parse_expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/message.h"

namespace heng::text::jinja {
namespace {

constexpr size_t kMostParseDepth = 100;
constexpr size_t kMostTreeDepth = 120;

constexpr std::array<std::pair<std::string_view, Operator>, 7> kArithmetic = {{
    {"+", Operator::kAdd},
    {"-", Operator::kSubtract},
    {"*", Operator::kMultiply},
    {"/", Operator::kDivide},
    {"//", Operator::kFloorDivide},
    {"%", Operator::kModulo},
    {"**", Operator::kPower},
}};
constexpr std::array<std::pair<std::string_view, Operator>, 6> kComparisons = {{
    {"==", Operator::kEqual},
    {"!=", Operator::kNotEqual},
    {"<", Operator::kLess},
    {"<=", Operator::kLessEqual},
    {">", Operator::kGreater},
    {">=", Operator::kGreaterEqual},
}};

template <size_t kSize>
const Operator* find_operator(
    const std::array<std::pair<std::string_view, Operator>, kSize>& operators, const Token& token) {
  if (token.type != TokenType::kOperator) return nullptr;
  for (const auto& [spelled, op] : operators) {
    if (token.value == spelled) return &op;
  }
  return nullptr;
}

}  // namespace

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(parser) {
  if (++parser.level_ > kMostParseDepth) {
    --parser.level_;
    parser.fail(parser.peek().offset,
                "nested deeper than " + std::to_string(kMostParseDepth) + " levels");
  }
}

bool ExpressionParser::skip_name(std::string_view name) {
  const bool found = is_name(name);
  at_ += found;
  return found;
}

bool ExpressionParser::skip_operator(std::string_view op) {
  const bool found = is_operator(op);
  at_ += found;
  return found;
}

void ExpressionParser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) fail_here("\"" + std::string(op) + "\"");
}

std::string ExpressionParser::expect_name() {
  if (peek().type != TokenType::kName) fail_here("a name");
  return next().value;
}

void ExpressionParser::fail_here(const std::string& expected) const {
  const Token& token = peek();
  std::string found;
  switch (token.type) {
    case TokenType::kEnd:
      found = "the end of the template";
      break;
    case TokenType::kText:
    case TokenType::kOutputBegin:
    case TokenType::kBlockBegin:
      found = "text";
      break;
    case TokenType::kOutputEnd:
    case TokenType::kBlockEnd:
      found = "the end of the tag";
      break;
    default:
      found = "\"" + printable(token.value) + "\"";
  }
  fail(token.offset, "expected " + expected + ", found " + found);
}

ExpressionPtr ExpressionParser::node(Kind kind, size_t offset) const {
  return std::make_unique<Expression>(Expression{.kind = kind, .offset = offset});
}

// `part` may be nullptr. Long chains such as a + b + c are deep trees too.
void ExpressionParser::add(Expression& parent, ExpressionPtr part) const {
  if (part) parent.depth = std::max(parent.depth, part->depth + 1);
  if (parent.depth > kMostTreeDepth) {
    fail(parent.offset, "an expression of more than " + std::to_string(kMostTreeDepth) + " levels");
  }
  parent.parts.push_back(std::move(part));
}

ExpressionPtr ExpressionParser::pair(Kind kind, ExpressionPtr left, ExpressionPtr right) const {
  ExpressionPtr both = node(kind, left->offset);
  add(*both, std::move(left));
  add(*both, std::move(right));
  return both;
}

ExpressionPtr ExpressionParser::expression() {
  const Level level(*this);
  ExpressionPtr value = without_condition();
  while (skip_name("if")) {
    ExpressionPtr choice = node(Kind::kConditional, value->offset);
    add(*choice, std::move(value));
    add(*choice, without_condition());
    add(*choice, skip_name("else") ? expression() : nullptr);
    value = std::move(choice);
  }
  return value;
}

ExpressionPtr ExpressionParser::without_condition() {
  ExpressionPtr left = conjunction();
  while (skip_name("or")) left = pair(Kind::kOr, std::move(left), conjunction());
  return left;
}

ExpressionPtr ExpressionParser::conjunction() {
  ExpressionPtr left = negation();
  while (skip_name("and")) left = pair(Kind::kAnd, std::move(left), negation());
  return left;
}

ExpressionPtr ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  const Level level(*this);
  ExpressionPtr value = node(Kind::kNot, next().offset);
  add(*value, negation());
  return value;
}

ExpressionPtr ExpressionParser::comparison() {
  ExpressionPtr first = sum();
  ExpressionPtr all = node(Kind::kCompare, peek().offset);
  std::vector<Operator> operators;
  while (true) {
    if (const Operator* op = find_operator(kComparisons, peek())) {
      next();
      operators.push_back(*op);
    } else if (skip_name("in")) {
      operators.push_back(Operator::kIn);
    } else if (is_name("not") && peek(1).type == TokenType::kName && peek(1).value == "in") {
      next();
      next();
      operators.push_back(Operator::kNotIn);
    } else {
      break;
    }
    if (first) add(*all, std::move(first));
    add(*all, sum());
  }
  if (operators.empty()) return first;
  all->operators = std::move(operators);
  return all;
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr left = concatenation();
  while (is_operator("+") || is_operator("-")) {
    const Token& sign = next();
    left = pair(Kind::kBinary, std::move(left), concatenation());
    left->operators = {*find_operator(kArithmetic, sign)};
    left->offset = sign.offset;
  }
  return left;
}

ExpressionPtr ExpressionParser::concatenation() {
  ExpressionPtr first = product();
  if (!is_operator("~")) return first;
  ExpressionPtr all = node(Kind::kConcat, peek().offset);
  add(*all, std::move(first));
  while (skip_operator("~")) add(*all, product());
  return all;
}

ExpressionPtr ExpressionParser::product() {
  ExpressionPtr left = power();
  while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
    const Token& sign = next();
    left = pair(Kind::kBinary, std::move(left), power());
    left->operators = {*find_operator(kArithmetic, sign)};
    left->offset = sign.offset;
  }
  return left;
}

ExpressionPtr ExpressionParser::power() {
  ExpressionPtr left = unary(true);
  while (is_operator("**")) {
    const size_t offset = next().offset;
    left = pair(Kind::kBinary, std::move(left), unary(true));
    left->operators = {Operator::kPower};
    left->offset = offset;
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  ExpressionPtr value;
  if (is_operator("-") || is_operator("+")) {
    const Level level(*this);
    value = node(is_operator("-") ? Kind::kNegate : Kind::kPlus, peek().offset);
    next();
    add(*value, unary(false));
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::primary() {
  const Token& token = peek();
  switch (token.type) {
    case TokenType::kName:
      return name_or_constant();
    case TokenType::kInteger:
    case TokenType::kFloat:
      return number();
    case TokenType::kString: {
      ExpressionPtr text = node(Kind::kConstant, token.offset);
      std::string value;
      while (peek().type == TokenType::kString) value += next().value;
      text->constant = Text(std::move(value));
      return text;
    }
    default:
      return in_brackets();
  }
}

ExpressionPtr ExpressionParser::name_or_constant() {
  const Token& token = next();
  const std::string& name = token.value;
  const bool truth = name == "true" || name == "True";
  const bool none = name == "none" || name == "None";
  ExpressionPtr value =
      node(truth || none || name == "false" || name == "False" ? Kind::kConstant : Kind::kName,
           token.offset);
  value->name = name;
  if (value->kind == Kind::kConstant) value->constant = none ? Value(None()) : Value(truth);
  return value;
}

ExpressionPtr ExpressionParser::number() {
  const Token& token = next();
  ExpressionPtr value = node(Kind::kConstant, token.offset);
  const char *begin = token.value.data(), *end = begin + token.value.size();
  std::errc error{};
  if (token.type == TokenType::kInteger) {
    int64_t integer = 0;
    error = std::from_chars(begin, end, integer).ec;
    value->constant = integer;
  } else {
    double number = 0;
    error = std::from_chars(begin, end, number).ec;
    value->constant = number;
  }
  if (error != std::errc()) fail(token.offset, "the number " + token.value + " is out of range");
  return value;
}

ExpressionPtr ExpressionParser::in_brackets() {
  if (is_operator("[")) return list();
  if (is_operator("{")) return dict();
  if (!is_operator("(")) fail_here("an expression");
  const size_t offset = next().offset;
  if (skip_operator(")")) return node(Kind::kTuple, offset);
  ExpressionPtr value = tuple();
  expect_operator(")");
  return value;
}

ExpressionPtr ExpressionParser::tuple(bool with_condition) {
  const Level level(*this);
  const auto item = [&] { return with_condition ? expression() : without_condition(); };
  ExpressionPtr first = item();
  if (!is_operator(",")) return first;
  ExpressionPtr all = node(Kind::kTuple, first->offset);
  add(*all, std::move(first));
  while (skip_operator(",")) {
    const TokenType type = peek().type;
    if (type == TokenType::kOutputEnd || type == TokenType::kBlockEnd || is_operator(")")) break;
    add(*all, item());
  }
  return all;
}

ExpressionPtr ExpressionParser::list() {
  ExpressionPtr all = node(Kind::kList, next().offset);
  while (!skip_operator("]")) {
    if (!all->parts.empty()) {
      expect_operator(",");
      if (skip_operator("]")) break;
    }
    add(*all, expression());
  }
  return all;
}

ExpressionPtr ExpressionParser::dict() {
  ExpressionPtr all = node(Kind::kDict, next().offset);
  while (!skip_operator("}")) {
    if (!all->parts.empty()) {
      expect_operator(",");
      if (skip_operator("}")) break;
    }
    add(*all, expression());
    expect_operator(":");
    add(*all, expression());
  }
  return all;
}

}  // namespace heng::text::jinja
