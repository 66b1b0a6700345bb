#include "text/jinja_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/message.h"
#include "text/jinja_parse_expression.h"

namespace heng::text::jinja {
namespace {

using StatementPtr = std::unique_ptr<Statement>;
using Kind = Statement::Kind;
using Names = std::initializer_list<std::string_view>;

class StatementParser {
 public:
  StatementParser(std::string_view source, std::string_view file)
      : in_(lex(source, file), source, file) {}

  Block run() {
    Block block = statements({});
    if (in_.peek().type != TokenType::kEnd) in_.fail_here("the end of the template");
    return block;
  }

 private:
  static StatementPtr make(Kind kind, size_t offset) {
    return std::make_unique<Statement>(Statement{.kind = kind, .offset = offset});
  }

  void end_tag() {
    if (in_.peek().type != TokenType::kBlockEnd) in_.fail_here("\"%}\"");
    in_.next();
  }

  // Up to the tag that begins with one of `ends`, whose name is the next token then.
  Block statements(Names ends) {
    const ExpressionParser::Level level(in_);
    Block block;
    while (in_.peek().type != TokenType::kEnd) {
      const Token& token = in_.next();
      if (token.type == TokenType::kText) {
        block.push_back(make(Kind::kText, token.offset));
        block.back()->text = Text(token.value);
      } else if (token.type == TokenType::kOutputBegin) {
        block.push_back(make(Kind::kOutput, token.offset));
        block.back()->expressions.push_back(in_.tuple());
        if (in_.peek().type != TokenType::kOutputEnd) in_.fail_here("\"}}\"");
        in_.next();
      } else {  // kBlockBegin: the lexer gives nothing else between tags
        const Token& name = in_.peek();
        if (name.type != TokenType::kName) in_.fail_here("the name of a tag");
        if (std::find(ends.begin(), ends.end(), name.value) != ends.end()) return block;
        block.push_back(statement());
      }
    }
    if (ends.size() > 0) in_.fail_here("{% " + std::string(*std::prev(ends.end())) + " %}");
    return block;
  }

  // The body of a tag that ends with {% `end` %}, that included.
  Block body(std::string_view end) {
    end_tag();
    Block block = statements({end});
    in_.next();
    end_tag();
    return block;
  }

  StatementPtr statement() {
    const Token& tag = in_.next();
    if (tag.value == "if") return if_tag(tag.offset);
    if (tag.value == "for") return for_tag(tag.offset);
    if (tag.value == "set") return set_tag(tag.offset);
    if (tag.value == "macro") return macro_tag(tag.offset);
    if (tag.value == "generation") {
      StatementPtr scope = make(Kind::kScope, tag.offset);
      scope->blocks.push_back(outside_loops([&] { return body("endgeneration"); }));
      return scope;
    }
    if (tag.value == "break" || tag.value == "continue") {
      if (loops_ == 0) in_.fail(tag.offset, "{% " + tag.value + " %} outside a loop");
      end_tag();
      return make(tag.value == "break" ? Kind::kBreak : Kind::kContinue, tag.offset);
    }
    in_.fail(tag.offset, "the tag \"" + printable(tag.value) +
                             "\" is not supported; supported: if, for, set, macro, break, "
                             "continue, generation");
  }

  StatementPtr if_tag(size_t offset) {
    StatementPtr all = make(Kind::kIf, offset);
    while (true) {
      all->expressions.push_back(in_.tuple(false));
      end_tag();
      all->blocks.push_back(statements({"elif", "else", "endif"}));
      const std::string tag = in_.next().value;
      if (tag == "elif") continue;
      if (tag == "else") {
        all->blocks.push_back(body("endif"));
      } else {
        end_tag();
      }
      return all;
    }
  }

  StatementPtr for_tag(size_t offset) {
    StatementPtr all = make(Kind::kFor, offset);
    all->target = target(false);
    if (!in_.skip_name("in")) in_.fail_here("\"in\"");
    all->expressions.push_back(in_.tuple(false));
    all->expressions.push_back(in_.skip_name("if") ? in_.expression() : nullptr);
    if (in_.is_name("recursive")) in_.fail(in_.peek().offset, "recursive loops are not supported");
    end_tag();
    ++loops_;
    all->blocks.push_back(statements({"else", "endfor"}));
    --loops_;
    if (in_.next().value == "else") {
      all->blocks.push_back(body("endfor"));
    } else {
      end_tag();
    }
    return all;
  }

  StatementPtr set_tag(size_t offset) {
    StatementPtr all = make(Kind::kSet, offset);
    all->target = target(true);
    if (in_.skip_operator("=")) {
      all->expressions.push_back(in_.tuple());
      end_tag();
      return all;
    }
    if (in_.is_operator("|")) in_.fail_here("\"=\" or the end of the tag");
    all->kind = Kind::kSetBlock;
    all->blocks.push_back(outside_loops([&] { return body("endset"); }));
    return all;
  }

  // A macro sees the names of the whole template, so it may not stand where there are others.
  StatementPtr macro_tag(size_t offset) {
    if (loops_ > 0 || inner_) in_.fail(offset, "a macro inside a loop, macro or block of a set");
    StatementPtr all = make(Kind::kMacro, offset);
    all->name = in_.expect_name();
    in_.expect_operator("(");
    while (!in_.skip_operator(")")) {
      if (!all->parameters.empty()) in_.expect_operator(",");
      const size_t at = in_.peek().offset;
      all->parameters.push_back(in_.expect_name());
      const bool has_default = in_.skip_operator("=");
      if (!has_default && !all->expressions.empty() && all->expressions.back()) {
        in_.fail(at, "a parameter without a default behind one with a default");
      }
      all->expressions.push_back(has_default ? in_.expression() : nullptr);
    }
    all->blocks.push_back(outside_loops([&] { return body("endmacro"); }));
    return all;
  }

  // What is a function or buffer of its own: a loop around it cannot be left from inside.
  template <typename Parse>
  Block outside_loops(const Parse& parse_body) {
    const int loops = std::exchange(loops_, 0);
    const bool inner = std::exchange(inner_, true);
    Block block = parse_body();
    loops_ = loops;
    inner_ = inner;
    return block;
  }

  // "a", "a, b", "(a, b)" or, `with_member`, "a.b".
  Target target(bool with_member) {
    Target first = single_target(with_member);
    if (!in_.is_operator(",")) return first;
    Target all{.offset = first.offset};
    all.parts.push_back(std::move(first));
    while (in_.skip_operator(",")) {
      if (in_.is_name("in") || in_.is_operator("=")) break;
      all.parts.push_back(single_target(with_member));
    }
    return all;
  }

  Target single_target(bool with_member) {
    const ExpressionParser::Level level(in_);
    const size_t offset = in_.peek().offset;
    if (in_.skip_operator("(")) {
      Target all = target(false);
      in_.expect_operator(")");
      return all;
    }
    Target one{.name = in_.expect_name(), .offset = offset};
    constexpr std::array<std::string_view, 6> kConstants = {"true",  "True", "false",
                                                            "False", "none", "None"};
    if (std::find(kConstants.begin(), kConstants.end(), one.name) != kConstants.end()) {
      in_.fail(offset, "\"" + one.name + "\" cannot be assigned to");
    }
    if (with_member && in_.skip_operator(".")) one.member = in_.expect_name();
    return one;
  }

  ExpressionParser in_;
  int loops_ = 0;       // around what is parsed now, inside the same function
  bool inner_ = false;  // inside a macro, the block of a set, or generation
};

}  // namespace

Block parse(std::string_view source, std::string_view file) {
  return StatementParser(source, file).run();
}

}  // namespace heng::text::jinja
