#include "server/chat_messages.h"

#include "base/message.h"

namespace heng::server {
namespace {

constexpr size_t kMostMessages = 10'000, kMostParts = 1'000, kMostCalls = 128;

// Parts of a content of OpenAI's newer shape: texts, one after the other.
std::string text_of_parts(const Fields& message) {
  std::string text;
  for (const Fields& part : message.objects("content", kMostParts)) {
    const std::string type = part.need_string("type");
    if (type != "text") {
      part.fail("type", "\"" + printable(type) + "\" is not supported, expected \"text\"",
                "unsupported_value");
    }
    text += part.need_string("text");
  }
  return text;
}

// A message that calls may say nothing else.
std::string content_of(const Fields& message, bool may_be_absent) {
  const Json* content = message.find("content");
  if (content && content->is_array()) return text_of_parts(message);
  if (!content && may_be_absent) return "";
  return message.need_string("content");
}

std::string role_of(const Fields& message) {
  const std::string role = message.need_string("role");
  if (role == "developer") return "system";
  for (const std::string_view known : {"system", "user", "assistant", "tool", "function"}) {
    if (role == known) return role;
  }
  message.fail("role", "\"" + printable(role) + "\", expected system, user, assistant or tool");
}

std::vector<ToolCall> read_calls(const Fields& message) {
  std::vector<ToolCall> calls;
  for (const Fields& call : message.objects("tool_calls", kMostCalls)) {
    const auto function = call.object("function");
    if (!function) call.fail("function", "missing, expected an object");
    calls.push_back({call.string("id").value_or(""), function->need_string("name"),
                     function->string("arguments").value_or("")});
  }
  if (const auto older = message.object("function_call")) {
    calls.push_back({"", older->need_string("name"), older->string("arguments").value_or("")});
  }
  return calls;
}

std::vector<ToolCall> read_ollama_calls(const Fields& message) {
  std::vector<ToolCall> calls;
  for (const Fields& call : message.objects("tool_calls", kMostCalls)) {
    const auto function = call.object("function");
    if (!function) call.fail("function", "missing, expected an object");
    const Json* arguments = function->find("arguments");
    calls.push_back({"", function->need_string("name"), arguments ? arguments->dump() : "{}"});
  }
  return calls;
}

template <typename ReadCalls>
std::vector<Message> read(const Fields& fields, const char* tool_name, ReadCalls read_calls_of) {
  std::vector<Message> messages;
  for (const Fields& item : fields.objects("messages", kMostMessages)) {
    Message message;
    message.role = role_of(item);
    message.tool_calls = read_calls_of(item);
    if (message.role != "assistant" && !message.tool_calls.empty()) {
      item.fail("tool_calls", "only an assistant's message calls tools");
    }
    message.content = content_of(item, !message.tool_calls.empty());
    message.tool_call_id = item.string("tool_call_id").value_or("");
    message.name = item.string(tool_name).value_or("");
    messages.push_back(std::move(message));
  }
  if (messages.empty()) {
    fields.fail("messages", "expected at least one message", "missing_required_parameter");
  }
  return messages;
}

}  // namespace

std::vector<Message> read_messages(const Fields& fields) {
  return read(fields, "name", read_calls);
}

std::vector<Message> read_ollama_messages(const Fields& fields) {
  return read(fields, "tool_name", read_ollama_calls);
}

}  // namespace heng::server
