// A conversation: system text, questions and answers, and its file. A value.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "heng/auto_model.h"

namespace heng::chat {

struct Conversation {
  std::string system;  // empty: the chat format's default
  History turns;       // oldest first

  // With `question` as the last message.
  std::vector<Message> messages(const std::string& question) const;
};

// {"messages": [{"role", "content"}, ...]} -> the messages. Throws Error kCorrupt naming the field.
std::vector<Message> messages_from_json(const nlohmann::json& json);

// The same as a whole conversation in a file. Throws Error kNotFound, kCorrupt.
Conversation load_conversation(const std::filesystem::path& path);

// Readable by the user alone (0600). Throws Error kNotFound where it cannot be written,
// kInvalidArgument where something else than a conversation stands under that name.
void save_conversation(const Conversation& conversation, const std::filesystem::path& path);

}  // namespace heng::chat
