// Replies that keep to a form: a JSON object, what a JSON Schema allows, calls of given tools. A
// ConstraintCompiler turns the form into a Constraint; a ConstrainedReply, one for each request, is
// its Request::on_logits and rules out every token with which the form could no longer be reached.
// So a reply that ends with FinishReason::kStop always parses and validates; one that ends with
// kLength was cut off inside. docs/constraints.md says what of JSON Schema is read.
//
// Forms are read as bytes: a character may be split between tokens, and nothing but UTF-8 comes
// out. Between the parts of JSON stand nothing, a space, or a line break and up to 16 spaces.
// Members come in the order of the schema, others behind them; a key may be named twice only where
// the schema does not name it. JSON nests at most 64 deep, numbers have at most 18 digits in front
// of the point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "heng/tokenizer.h"
#include "heng/tools.h"

namespace heng {

struct ConstraintOptions {
  // The reply may begin with a thought: <think>, any text, </think>, white space.
  bool thought = false;
  bool several_calls = true;  // of tool_calls, where the syntax has more than one
};

// A compiled form. Immutable to its users; safe to use from many threads, which wait for each other
// while a mask is made.
class Constraint;

// Borrows nothing. Immutable; safe to use from many threads. Making one takes some tens of
// milliseconds for a large vocabulary: make one per model.
class ConstraintCompiler {
 public:
  // `end_ids` are the tokens that end a reply: GenerationConfig::eos_ids of the request. They are
  // allowed exactly where the form is complete, every other special token never. Throws Error
  // kInvalidArgument where there is none, kUnsupported for a tokenizer without a token for
  // each character of ASCII.
  ConstraintCompiler(const Tokenizer& tokenizer, std::span<const TokenId> end_ids);

  // Any JSON object.
  std::shared_ptr<const Constraint> json_object(const ConstraintOptions& options = {}) const;
  // What `schema`, the text of a JSON Schema, allows. Throws Error kInvalidArgument, with the path:
  // what is no schema, cannot be met by any value, or is too large; kUnsupported: a keyword, format
  // or pattern that is not read. Nothing is ignored but annotations (title, description, ...).
  std::shared_ptr<const Constraint> json_schema(std::string_view schema,
                                                const ConstraintOptions& options = {}) const;
  // A reply that calls at least one of `tools`, and says nothing else but ReAct's thought. Throws
  // as json_schema of their parameters; kUnsupported for ToolSyntax::kNone.
  std::shared_ptr<const Constraint> tool_calls(ToolSyntax syntax, std::span<const Tool> tools,
                                               const ConstraintOptions& options = {}) const;

  struct Vocabulary;  // the tokens by their bytes

 private:
  std::shared_ptr<const Vocabulary> vocabulary_;
};

// The place in a form that one reply has reached. Copies are independent; not thread-safe.
class ConstrainedReply {
 public:
  explicit ConstrainedReply(std::shared_ptr<const Constraint> constraint);

  // As Request::on_logits: sets the scores of what may not follow `reply` to -infinity. `reply` may
  // be any that was made under this constraint, also shorter than the one before. Throws Error
  // kInvalidArgument where it was not.
  void operator()(std::span<float> logits, std::span<const TokenId> reply);

  // Whether the form is complete after `reply`. Throws as above.
  bool is_complete(std::span<const TokenId> reply);

 private:
  void advance(std::span<const TokenId> reply);

  std::shared_ptr<const Constraint> constraint_;
  std::vector<TokenId> reply_;  // what `state_` stands behind
  int32_t state_ = 0;
  size_t epoch_ = 0;  // states are renumbered when the constraint forgets them
};

}  // namespace heng
