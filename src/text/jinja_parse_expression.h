// The expressions of a chat template: tokens -> tree, with Jinja's own precedence. Used by one
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

namespace heng::text::jinja {

class ExpressionParser {
 public:
  // REQUIRES: all outlive this.
  ExpressionParser(std::vector<Token> tokens, std::string_view source, std::string_view file)
      : tokens_(std::move(tokens)), source_(source), file_(file) {}

  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& next() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  bool is(TokenType type, std::string_view value) const {
    return peek().type == type && peek().value == value;
  }
  bool is_name(std::string_view name) const { return is(TokenType::kName, name); }
  bool is_operator(std::string_view op) const { return is(TokenType::kOperator, op); }
  bool skip_name(std::string_view name);
  bool skip_operator(std::string_view op);
  void expect_operator(std::string_view op);
  std::string expect_name();
  [[noreturn]] void fail(size_t offset, const std::string& problem) const {
    fail_syntax(source_, file_, offset, problem);
  }
  [[noreturn]] void fail_here(const std::string& expected) const;

  ExpressionPtr expression();                       // with "a if b else c"
  ExpressionPtr without_condition();                // the same without
  ExpressionPtr tuple(bool with_condition = true);  // "a" or "a, b"
  ExpressionPtr primary();

  // Counts how deep the caller is in the source; fails beyond kMostParseDepth.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

 private:
  using Kind = Expression::Kind;
  ExpressionPtr node(Kind kind, size_t offset) const;
  void add(Expression& parent, ExpressionPtr part) const;
  ExpressionPtr pair(Kind kind, ExpressionPtr left, ExpressionPtr right) const;

  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr name_or_constant();
  ExpressionPtr number();
  ExpressionPtr in_brackets();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr filters_and_tests(ExpressionPtr value);
  ExpressionPtr subscript(ExpressionPtr value);
  ExpressionPtr slice(ExpressionPtr value, ExpressionPtr first, size_t offset);
  ExpressionPtr call(ExpressionPtr value);
  ExpressionPtr filter(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  void arguments(Expression& call);

  std::vector<Token> tokens_;
  const std::string_view source_, file_;
  size_t at_ = 0;
  size_t level_ = 0;
};

}  // namespace heng::text::jinja
