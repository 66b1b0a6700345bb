#include "server/ollama_requests.h"

#include "server/chat_messages.h"

namespace heng::server {
namespace {

void refuse_unsupported(const Fields& fields) {
  for (const char* key : {"images", "suffix", "template", "context"}) {
    const Json* value = fields.find(key);
    const bool means_nothing = !value || (value->is_structured() && value->empty()) || *value == "";
    if (!means_nothing) fields.fail(key, "not supported", "unsupported_parameter");
  }
}

OllamaCall read_common(const Fields& fields, std::string_view body) {
  refuse_unsupported(fields);
  OllamaCall call;
  call.model = fields.string("model").value_or("");
  call.stream = fields.boolean("stream").value_or(true);
  call.think = fields.boolean("think");
  call.form = read_ollama_form(fields, body);
  if (const auto options = fields.object("options")) {
    call.sampling = read_ollama_options(*options);
  }
  return call;
}

}  // namespace

OllamaCall read_ollama_chat(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  OllamaCall call = read_common(fields, body);
  call.messages = read_ollama_messages(fields);
  return call;
}

OllamaCall read_ollama_generate(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  OllamaCall call = read_common(fields, body);
  call.prompt = fields.need_string("prompt");
  if (fields.boolean("raw").value_or(false)) return call;
  const std::string system = fields.string("system").value_or("");
  if (!system.empty()) call.messages.push_back({"system", system});
  call.messages.push_back({"user", call.prompt});
  return call;
}

std::string read_ollama_model(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  return fields.string("model").value_or(fields.string("name").value_or(""));
}

}  // namespace heng::server
