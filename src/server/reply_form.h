// What a reply to a chat may or must be: tools that it may call, a JSON form that it must have.
// Read from requests as plain values, and compiled to a Constraint for one model.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heng/constraint.h"
#include "server/fields.h"

namespace heng::server {

struct ToolUse {
  enum class Choice { kNone, kAuto, kRequired };

  std::vector<Tool> tools;
  Choice choice = Choice::kAuto;
  std::string named;          // the only tool that may be called, with kRequired; empty: any
  bool several_calls = true;  // parallel_tool_calls
  bool is_older_api = false;  // `functions`: answers have function_call

  // What the prompt shows of tools.
  bool offers() const { return choice != Choice::kNone && !tools.empty(); }
};

struct JsonForm {
  enum class Kind { kNone, kObject, kSchema };
  Kind kind = Kind::kNone;
  std::string schema;  // as it was sent
};

struct ReplyForm {
  ToolUse tools;
  JsonForm json;
};

// OpenAI's tools, tool_choice, parallel_tool_calls, functions, function_call and response_format.
// `body`: the text that `fields` were parsed from, as models see tools as they were sent. Throws
// ApiError.
ReplyForm read_reply_form(const Fields& fields, std::string_view body);

// ollama's tools and format ("json" or a schema).
ReplyForm read_ollama_form(const Fields& fields, std::string_view body);

// Compiles forms for one model and keeps the last few. Safe to use from many threads.
class FormCompiler {
 public:
  // Borrows `tokenizer`.
  explicit FormCompiler(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // nullptr where the form leaves the reply free. `thought`: the reply may begin with one. Throws
  // ApiError 400 naming the field where it cannot be met or is not read.
  std::shared_ptr<const Constraint> compile(const ReplyForm& form, ToolSyntax syntax, bool thought,
                                            std::span<const TokenId> end_ids);

 private:
  using Compiled = std::shared_ptr<const Constraint>;

  Compiled make(const ReplyForm& form, ToolSyntax syntax, const ConstraintOptions& options) const;

  const Tokenizer& tokenizer_;
  std::mutex mutex_;
  std::vector<TokenId> end_ids_;
  std::optional<ConstraintCompiler> compiler_;          // for end_ids_
  std::list<std::pair<std::string, Compiled>> recent_;  // by what they were made of; newest first
};

}  // namespace heng::server
