#include "text/hermes_prompt.h"

#include "base/ordered_json.h"
#include "heng/error.h"

namespace heng::text {
namespace {

using jinja::Text;

std::string printed(const std::string& arguments) {
  constexpr JsonLimits kLimits{.max_bytes = 4u << 20, .max_depth = 64};
  try {
    return print_json(parse_ordered_json(arguments, "arguments", kLimits));
  } catch (const Error&) {
    return replace_invalid_utf8(arguments);
  }
}

}  // namespace

Text hermes_system(std::optional<std::string_view> system, std::span<const Tool> tools) {
  Text out("system\n");
  if (system) {
    out.append(replace_invalid_utf8(*system), true);
    out.append("\n\n");
  }
  out.append(
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>");
  for (const Tool& tool : tools) {
    out.append("\n");
    out.append(tool.json, true);
  }
  out.append(
      "\n</tools>\n\nFor each function call, return a json object with function name and "
      "arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
      "{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>");
  return out;
}

void append_hermes_calls(std::span<const ToolCall> calls, bool has_content, Text& out) {
  for (const ToolCall& call : calls) {
    if (has_content) out.append("\n");
    has_content = true;
    out.append("<tool_call>\n{\"name\": \"");
    out.append(replace_invalid_utf8(call.name), true);
    out.append("\", \"arguments\": ");
    out.append(printed(call.arguments), true);
    out.append("}\n</tool_call>");
  }
}

Text hermes_results(std::span<const Message> messages) {
  Text out("user");
  for (const Message& message : messages) {
    out.append("\n<tool_response>\n");
    out.append(replace_invalid_utf8(message.content), true);
    out.append("\n</tool_response>");
  }
  return out;
}

}  // namespace heng::text
