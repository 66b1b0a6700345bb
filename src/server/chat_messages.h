// "messages" of a chat: roles, plain texts, calls of tools and what they gave. Pure functions; all
// throw ApiError 400 naming the field.
#pragma once

#include <string>
#include <vector>

#include "heng/chat.h"
#include "server/fields.h"

namespace heng::server {

// OpenAI's, with the older function_call and role function. The message of a function is taken as a
// tool's.
std::vector<Message> read_messages(const Fields& fields);

// ollama's: arguments of calls are objects, and a tool's message names it in tool_name.
std::vector<Message> read_ollama_messages(const Fields& fields);

}  // namespace heng::server
