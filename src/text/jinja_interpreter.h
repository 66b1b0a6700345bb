// Runs the tree of a chat template. One object a rendering; used by one thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_builtins.h"

namespace heng::text::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

class Interpreter {
 public:
  // REQUIRES: `run` and the tree that is rendered outlive this.
  Interpreter(Run& run, const Variables& variables);

  // What the template writes.
  Text render(const Block& block);

 private:
  struct Scope {
    Scope* outer;
    std::map<std::string, Value, std::less<>> names = {};
  };
  enum class Flow { kOn, kBreak, kContinue };
  // Counts levels of recursion; fails beyond the limit.
  class Level {
   public:
    explicit Level(Interpreter& interpreter);
    ~Level() { --interpreter_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Interpreter& interpreter_;
  };

  Flow execute(const Block& block);
  Flow execute(const Statement& statement);
  Flow execute_if(const Statement& statement);
  Flow execute_for(const Statement& statement);
  std::vector<Value> loop_items(const Statement& statement);
  void write_output(const Expression& expression);
  void write(const Text& text);
  // What a block writes, its names kept to itself.
  Text captured(const Block& block, Scope& scope);
  void assign(const Target& target, Value value);
  void assign_member(const Target& target, Value value);

  Value evaluate(const Expression& e);
  std::vector<Value> evaluate_parts(const Expression& e);
  Value evaluate_dict(const Expression& e);
  Value evaluate_compare(const Expression& e);
  Value evaluate_concat(const Expression& e);
  Value evaluate_slice(const Expression& e);
  Value evaluate_sign(const Expression& e);
  Value evaluate_choice(const Expression& e);
  Value evaluate_call(const Expression& e);
  Arguments evaluate_arguments(const Expression& e);
  Value call_macro(const Statement& macro, Arguments arguments);
  const Value* find(std::string_view name) const;  // nullptr: no such name
  Value look_up(const std::string& name) const;

  Run& run_;
  Scope root_{nullptr};
  Scope* scope_ = &root_;
  Text* out_ = nullptr;
  size_t level_ = 0;
};

}  // namespace heng::text::jinja
