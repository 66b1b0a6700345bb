// A chat template as a tree. Immutable after parsing; owned by its Template. No branch is longer
// than Limits::depth, so that recursion over the tree is bounded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/jinja_value.h"

namespace heng::text::jinja {

enum class Operator {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct Expression {
  enum class Kind {
    kConstant,   // constant
    kName,       // name
    kList,       // parts
    kTuple,      // parts
    kDict,       // parts: key, value, key, value, ...
    kAttribute,  // parts[0] . name
    kItem,       // parts[0] [ parts[1] ]
    kSlice,      // parts[0] [ parts[1] : parts[2] : parts[3] ], nullptr where left out
    kCall,       // parts[0] ( the others )
    kFilter,     // parts[0] | name ( the others )
    kTest,       // parts[0] is name ( the others )
    kNot,        // parts[0], and so on
    kNegate,
    kPlus,
    kBinary,  // parts[0] operators[0] parts[1]
    kAnd,
    kOr,
    kCompare,      // parts[0] operators[0] parts[1] operators[1] parts[2] ...
    kConcat,       // parts, with ~
    kConditional,  // parts[0] if parts[1] else parts[2], which may be nullptr
  };
  Kind kind;
  size_t offset;  // in the source
  std::string name = {};
  Value constant = {};
  std::vector<std::unique_ptr<Expression>> parts = {};
  std::vector<std::string> keywords = {};  // names of the last arguments of a call
  std::vector<Operator> operators = {};
  size_t depth = 1;  // levels of parts
};
using ExpressionPtr = std::unique_ptr<Expression>;

// What is assigned to: a name, "name.member" of a namespace, or several of them.
struct Target {
  std::string name = {};
  std::string member = {};
  std::vector<Target> parts = {};
  size_t offset = 0;
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Statement {
  enum class Kind {
    kText,      // text
    kOutput,    // expressions[0]
    kIf,        // expressions[i] -> blocks[i]; one block more is the else
    kFor,       // target in expressions[0] if expressions[1] or nullptr; blocks: body, else
    kSet,       // target = expressions[0]
    kSetBlock,  // target = what blocks[0] writes
    kMacro,     // name(parameters, expressions: their defaults or nullptr), blocks[0]
    kScope,     // blocks[0], whose names stay inside
    kBreak,
    kContinue,
  };
  Kind kind;
  size_t offset;
  Text text = {};
  std::string name = {};
  Target target = {};
  std::vector<std::string> parameters = {};
  std::vector<ExpressionPtr> expressions = {};
  std::vector<Block> blocks = {};
};

}  // namespace heng::text::jinja
