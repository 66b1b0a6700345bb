// The bodies of ollama's requests as typed values, in the same way. Source: ollama's docs/api.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/openai_requests.h"

namespace heng::server {

struct OllamaCall {
  std::string model;
  std::vector<Message> messages;  // of a chat; empty: `prompt` is continued as it is (raw)
  std::string prompt;
  Sampling sampling;
  bool stream = true;
  std::optional<bool> think;
  ReplyForm form;
};
OllamaCall read_ollama_chat(std::string_view body);
// Without "raw" the prompt becomes a chat of one question.
OllamaCall read_ollama_generate(std::string_view body);

// "model" or, as older clients send it, "name".
std::string read_ollama_model(std::string_view body);

}  // namespace heng::server
