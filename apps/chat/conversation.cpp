#include "chat/conversation.h"

#include <fstream>

#include "base/file_map.h"
#include "base/json.h"

namespace heng::chat {
namespace {

constexpr size_t kMaxFileBytes = 64u << 20;

std::string field(const Json& message, const char* key, size_t number) {
  if (!message.is_object() || !message.contains(key) || !message.at(key).is_string()) {
    throw Error(ErrorCode::kCorrupt, "messages[" + std::to_string(number) +
                                         "]: expected an object with a text under \"" + key +
                                         "\".");
  }
  return message.at(key).get<std::string>();
}

Conversation from_messages(std::vector<Message> messages, const std::string& file) {
  Conversation conversation;
  size_t i = 0;
  if (!messages.empty() && messages[0].role == "system") {
    conversation.system = std::move(messages[i++].content);
  }
  for (; i + 1 < messages.size(); i += 2) {
    if (messages[i].role != "user" || messages[i + 1].role != "assistant") break;
    conversation.turns.emplace_back(std::move(messages[i].content),
                                    std::move(messages[i + 1].content));
  }
  if (i != messages.size()) {
    throw Error(ErrorCode::kCorrupt, file + ": messages[" + std::to_string(i) +
                                         "]: expected user and assistant in turns, from user to "
                                         "assistant.");
  }
  return conversation;
}

}  // namespace

std::vector<Message> Conversation::messages(const std::string& question) const {
  std::vector<Message> all;
  if (!system.empty()) all.push_back({"system", system});
  for (const auto& [asked, answered] : turns) {
    all.push_back({"user", asked});
    all.push_back({"assistant", answered});
  }
  all.push_back({"user", question});
  return all;
}

std::vector<Message> messages_from_json(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("messages") || !json.at("messages").is_array()) {
    throw Error(ErrorCode::kCorrupt, "messages: expected a list of objects.");
  }
  std::vector<Message> messages;
  for (const auto& message : json.at("messages")) {
    const size_t number = messages.size();
    messages.push_back({field(message, "role", number), field(message, "content", number)});
  }
  return messages;
}

Conversation load_conversation(const std::filesystem::path& path) {
  const std::string file = path.filename().string();
  const Json json = parse_json(read_text_file(path, kMaxFileBytes), file);
  return from_messages(messages_from_json(json), file);
}

void save_conversation(const Conversation& conversation, const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (fs::exists(path)) {
    try {
      load_conversation(path);
    } catch (const Error&) {
      throw Error(ErrorCode::kInvalidArgument,
                  path.string() + " is there and is no conversation. Choose another name.");
    }
  }
  using Ordered = nlohmann::ordered_json;  // role before content, for people who read the file
  Ordered messages = Ordered::array();
  for (const Message& message : conversation.messages("")) {
    messages.push_back(Ordered{{"role", message.role}, {"content", message.content}});
  }
  messages.erase(messages.size() - 1);  // the question to come
  const fs::path part = path.string() + ".part";
  {
    std::ofstream out(part);
    std::error_code ignored;  // where it could not be made, writing fails below
    fs::permissions(part, fs::perms::owner_read | fs::perms::owner_write, ignored);
    out << Ordered{{"messages", messages}}.dump(1, ' ', false, Json::error_handler_t::replace)
        << '\n';
    if (!out.flush()) {
      fs::remove(part, ignored);
      throw Error(ErrorCode::kNotFound, path.string() +
                                            ": cannot be written. Choose a folder that exists and "
                                            "that you may write to.");
    }
  }
  fs::rename(part, path);
}

}  // namespace heng::chat
