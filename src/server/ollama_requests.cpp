#include "server/ollama_requests.h"

namespace heng::server {
namespace {

void refuse_unsupported(const Fields& fields) {
  for (const char* key : {"tools", "images", "suffix", "template", "context", "format"}) {
    const Json* value = fields.find(key);
    const bool means_nothing = !value || (value->is_structured() && value->empty()) || *value == "";
    if (!means_nothing) fields.fail(key, "not supported", "unsupported_parameter");
  }
}

OllamaCall read_common(const Fields& fields) {
  refuse_unsupported(fields);
  OllamaCall call;
  call.model = fields.string("model").value_or("");
  call.stream = fields.boolean("stream").value_or(true);
  call.think = fields.boolean("think");
  if (const auto options = fields.object("options")) {
    call.sampling = read_ollama_options(*options);
  }
  return call;
}

}  // namespace

OllamaCall read_ollama_chat(const Json& body) {
  const Fields fields(body);
  OllamaCall call = read_common(fields);
  call.messages = read_messages(fields);
  return call;
}

OllamaCall read_ollama_generate(const Json& body) {
  const Fields fields(body);
  OllamaCall call = read_common(fields);
  call.prompt = fields.need_string("prompt");
  if (fields.boolean("raw").value_or(false)) return call;
  const std::string system = fields.string("system").value_or("");
  if (!system.empty()) call.messages.push_back({"system", system});
  call.messages.push_back({"user", call.prompt});
  return call;
}

std::string read_ollama_model(const Json& body) {
  const Fields fields(body);
  return fields.string("model").value_or(fields.string("name").value_or(""));
}

}  // namespace heng::server
