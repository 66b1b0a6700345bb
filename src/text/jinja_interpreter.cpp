// Statements; the expressions are in jinja_evaluate.cpp.
#include "text/jinja_interpreter.h"

#include <utility>

namespace heng::text::jinja {

Interpreter::Interpreter(Run& run, const Variables& variables) : run_(run) {
  for (const auto& [name, value] : variables) root_.names[name] = value;
}

Interpreter::Level::Level(Interpreter& interpreter) : interpreter_(interpreter) {
  if (interpreter.level_ >= interpreter.run_.limits().depth) {
    interpreter.run_.fail("more than " + std::to_string(interpreter.run_.limits().depth) +
                          " levels of expressions, blocks and macro calls inside one another");
  }
  ++interpreter.level_;
}

Text Interpreter::render(const Block& block) {
  Text text;
  out_ = &text;
  execute(block);
  return text;
}

Interpreter::Flow Interpreter::execute(const Block& block) {
  const Level level(*this);
  for (const auto& statement : block) {
    const Flow flow = execute(*statement);
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute(const Statement& statement) {
  run_.charge();
  run_.at(statement.offset);
  switch (statement.kind) {
    case Statement::Kind::kText:
      write(statement.text);
      break;
    case Statement::Kind::kOutput:
      write_output(*statement.expressions[0]);
      break;
    case Statement::Kind::kIf:
      return execute_if(statement);
    case Statement::Kind::kFor:
      return execute_for(statement);
    case Statement::Kind::kSet:
      assign(statement.target, evaluate(*statement.expressions[0]));
      break;
    case Statement::Kind::kSetBlock: {
      Scope inner{scope_};
      assign(statement.target, captured(statement.blocks[0], inner));
      break;
    }
    case Statement::Kind::kMacro:
      scope_->names[statement.name] = Callable{&statement, nullptr, statement.name};
      break;
    case Statement::Kind::kScope: {
      Scope inner{scope_};
      write(captured(statement.blocks[0], inner));
      break;
    }
    case Statement::Kind::kBreak:
      return Flow::kBreak;
    case Statement::Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute_if(const Statement& statement) {
  size_t branch = 0;
  while (branch < statement.expressions.size() &&
         !is_true(evaluate(*statement.expressions[branch]))) {
    ++branch;
  }
  return branch < statement.blocks.size() ? execute(statement.blocks[branch]) : Flow::kOn;
}

// The items that pass the loop's own `if`.
std::vector<Value> Interpreter::loop_items(const Statement& statement) {
  const Value iterated = evaluate(*statement.expressions[0]);
  run_.at(statement.offset);
  std::vector<Value> items = items_of(run_, iterated);
  const Expression* test = statement.expressions[1].get();
  if (!test) return items;
  Scope inner{scope_};
  Scope* const outer = std::exchange(scope_, &inner);
  std::vector<Value> passing;
  for (Value& item : items) {
    inner.names.clear();
    assign(statement.target, item);
    if (is_true(evaluate(*test))) passing.push_back(std::move(item));
  }
  scope_ = outer;
  return passing;
}

Interpreter::Flow Interpreter::execute_for(const Statement& statement) {
  auto loop = std::make_shared<Loop>();
  loop->items = loop_items(statement);
  Scope inner{scope_};
  Scope* const outer = std::exchange(scope_, &inner);
  Flow flow = Flow::kOn;
  for (; loop->index < loop->items.size(); ++loop->index) {
    run_.charge(4);
    inner.names.clear();  // each round begins with the names around the loop
    assign(statement.target, loop->items[loop->index]);
    inner.names["loop"] = Value(loop);
    if (execute(statement.blocks[0]) == Flow::kBreak) break;
  }
  if (loop->items.empty() && statement.blocks.size() > 1) {
    inner.names.clear();
    flow = execute(statement.blocks[1]);
  }
  scope_ = outer;
  return flow;
}

void Interpreter::write_output(const Expression& expression) {
  // `safe` marks a text for escaping, which is off: at the end of an output it does nothing.
  const bool safe = expression.kind == Expression::Kind::kFilter && expression.name == "safe" &&
                    expression.parts.size() == 1;
  const Value value = evaluate(safe ? *expression.parts[0] : expression);
  run_.at(expression.offset);
  write(to_text(run_, value));
}

void Interpreter::write(const Text& text) {
  if (text.size() > run_.limits().output_bytes - out_->size()) {
    run_.fail("the template writes more than " + std::to_string(run_.limits().output_bytes) +
              " bytes");
  }
  run_.charge_bytes(text.size());
  out_->append(text);
}

Text Interpreter::captured(const Block& block, Scope& scope) {
  Text text;
  Text* const outer_out = std::exchange(out_, &text);
  Scope* const outer_scope = std::exchange(scope_, &scope);
  execute(block);
  out_ = outer_out;
  scope_ = outer_scope;
  return text;
}

void Interpreter::assign(const Target& target, Value value) {
  run_.charge();
  if (!target.member.empty()) return assign_member(target, std::move(value));
  if (target.parts.empty()) {
    scope_->names[target.name] = std::move(value);
    return;
  }
  run_.at(target.offset);
  std::vector<Value> items = items_of(run_, value);
  if (items.size() != target.parts.size()) {
    run_.fail("expected " + std::to_string(target.parts.size()) + " values to unpack, found " +
              std::to_string(items.size()));
  }
  for (size_t i = 0; i < items.size(); ++i) assign(target.parts[i], std::move(items[i]));
}

void Interpreter::assign_member(const Target& target, Value value) {
  const Value space = look_up(target.name);
  run_.at(target.offset);
  if (!space.is(Kind::kNamespace)) {
    run_.fail("'" + target.name + "' is no namespace: " + target.member + " cannot be assigned");
  }
  // A namespace that could hold itself would never be freed.
  if (value.is(Kind::kNamespace) || value.is(Kind::kLoop) || value.is(Kind::kCallable)) {
    run_.refuse("a " + type_name(value) + " inside a namespace");
  }
  auto& members = space.space().members;
  size_t at = 0;
  while (at < members.size() && members[at].first != target.member) ++at;
  run_.charge(at);
  if (at == members.size()) members.emplace_back(target.member, Value());
  members[at].second = std::move(value);
}

}  // namespace heng::text::jinja
