// How Qwen2.5 and Qwen3 are told of tools, past calls and results. Each function gives what stands
// between <|im_start|> and <|im_end|>, the parts that others wrote marked as a message's. Source:
// chat_template of the published Qwen2.5-7B-Instruct and Qwen3-8B, which agree here. Pure
// functions; safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "heng/chat.h"
#include "text/jinja_text.h"

namespace heng::text {

jinja::Text hermes_system(std::optional<std::string_view> system, std::span<const Tool> tools);

// The calls behind what an assistant said. Arguments that are JSON are printed as the template
// prints them, others as they are.
void append_hermes_calls(std::span<const ToolCall> calls, bool has_content, jinja::Text& out);

// The results of one or more calls, which a model sees as the user's.
jinja::Text hermes_results(std::span<const Message> messages);

}  // namespace heng::text
