// Tools (functions) that a model may call: their definitions, and the calls in its replies. Which
// prompts a chat format writes for them is PromptOptions::tools in heng/chat.h; replies that must
// call one are ConstraintCompiler::tool_calls in heng/constraint.h.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heng {

// A tool as its author describes it. Plain value.
struct Tool {
  std::string name;
  std::string description;
  // A JSON Schema of the arguments, or whatever else the author wrote there, as JSON; empty where
  // there is none. Here and in `json` members keep their order and numbers their spelling.
  std::string parameters;
  std::string human_name;  // what the ReAct prompt calls it (name_for_human); else the name
  std::string json;        // {"type": "function", "function": {...}}, as templates print it
};

// OpenAI's `tools`, or the older `functions` (a list of what a tool has in its "function"; Qwen's
// name_for_model, name_for_human and description_for_model go before name and description). Pass
// the text of the request, not a copy whose members were put in another order: models see it.
// Throws Error kInvalidArgument, with the path in the list: what is no list of tools.
std::vector<Tool> parse_tools(std::string_view json);

struct ToolCall {
  std::string id;         // the caller's; parsers leave it empty
  std::string name;       // of the tool
  std::string arguments;  // as the model wrote them: JSON if it kept to its instructions
};

// How a reply says that it calls a tool.
enum class ToolSyntax {
  kNone,    // the format has no tools
  kReact,   // "Action: name\nAction Input: arguments\nObservation:"; one call a reply (Qwen-1)
  kHermes,  // <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>, any number (Qwen2.5, 3)
};

// The texts that end a reply besides those of the request: "Observation:" in ReAct, where the
// tool's turn begins.
std::vector<std::string> tool_stop_texts(ToolSyntax syntax);

// A reply as it comes, parted into text and calls. All text that comes goes out: as text, as part
// of a call, or as the tags and white space of the format around them. What looks like a call and
// is none, is text. Behind ReplyStream where the model thinks. One stream per reply; not
// thread-safe.
//
// ReAct's text is known at its end only, as upstream's parse_response takes it: the thought in
// front of a call, or what follows the last "Final Answer: ". Calls that constraints or
// max_new_tokens cut off have the arguments that came.
class ToolCallStream {
 public:
  struct Piece {
    size_t index = 0;       // of the call in the reply
    std::string name;       // of a call that begins; else empty
    std::string arguments;  // to be put behind those that came before
  };
  struct Delta {
    std::string text;
    std::vector<Piece> pieces;  // in the order of their calls, at most one each
  };

  explicit ToolCallStream(ToolSyntax syntax);
  ~ToolCallStream();
  ToolCallStream(ToolCallStream&&) noexcept;

  Delta push(std::string_view text);
  Delta finish();  // the reply is over: what was held back

  const std::string& text() const { return text_; }  // all that went out
  const std::vector<ToolCall>& calls() const { return calls_; }

  class Parser;  // of one syntax

 private:
  Delta keep(Delta delta);

  std::unique_ptr<Parser> parser_;
  std::string text_;
  std::vector<ToolCall> calls_;
};

}  // namespace heng
