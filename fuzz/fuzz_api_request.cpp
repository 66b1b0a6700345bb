// Any bytes as the body of a request: a typed call, or an ApiError 400 whose JSON is well formed.
// The first byte chooses the endpoint.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/ollama_requests.h"
#include "server/openai_requests.h"

namespace {

using heng::server::ApiError;

void read(uint8_t endpoint, std::string_view body) {
  heng::server::Sampling sampling;
  switch (endpoint % 7) {
    case 0:
      sampling = heng::server::read_chat_call(body).sampling;
      break;
    case 1:
      sampling = heng::server::read_completion_call(body).sampling;
      break;
    case 2:
      heng::server::read_embedding_call(body);
      break;
    case 3:
      heng::server::read_tokenize_call(body);
      break;
    case 4:
      heng::server::read_detokenize_call(body);
      break;
    case 5:
      sampling = heng::server::read_ollama_chat(body).sampling;
      break;
    case 6:
      sampling = heng::server::read_ollama_generate(body).sampling;
      break;
  }
  heng::GenerationConfig config;
  sampling.apply_to(config);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    read(data[0], {reinterpret_cast<const char*>(data + 1), size - 1});
  } catch (const ApiError& error) {
    if (error.status() != 400) std::abort();
    error.to_json().dump();  // throws on ill-formed UTF-8
  }
  return 0;
}
