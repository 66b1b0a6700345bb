// Pieces of answers that several endpoints share: JSON that is always well-formed UTF-8, events of
// a stream, usage, log-probabilities. Pure functions; safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "heng/engine.h"
#include "server/api_error.h"
#include "server/exchange.h"

namespace heng::server {

// Ill-formed UTF-8 inside becomes U+FFFD.
std::string to_text(const Json& json);

// "data: {...}\n\n"
std::string event_text(const Json& json);

enum class ErrorShape { kOpenAi, kOllama };
Response error_response(const ApiError& error, ErrorShape shape);
// Ends an exchange with an error: the whole answer, or the last event of a stream.
void fail_openai(Exchange& exchange, const ApiError& error, bool is_stream);

int64_t unix_seconds();
// "2026-01-31T12:00:00.123456Z"
std::string iso_time();

// OpenAI's "usage" over all replies to one request.
struct Usage {
  size_t prompt_tokens = 0, cached_tokens = 0, reply_tokens = 0, thought_tokens = 0;

  // Replies to the same prompt count it once.
  void add_prompt(const Completion& completion);
  Json to_json() const;
};

// A token by itself: its text, or "bytes:\xNN" where its bytes are no whole characters.
std::string token_name(const Tokenizer& tokenizer, TokenId id);

// An item of choices[].logprobs.content of a chat.
Json chat_logprob(const Tokenizer& tokenizer, TokenId id, const Logprobs& logprobs);

// choices[].logprobs of a completion: {tokens, token_logprobs, top_logprobs, text_offset}. Offsets
// count characters (code points) from the beginning of the text.
class CompletionLogprobs {
 public:
  // Borrows `tokenizer`.
  explicit CompletionLogprobs(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // `logprobs` nullptr: nothing is known, as of the first token of a prompt.
  void add(TokenId id, const Logprobs* logprobs);
  // What was added since the last call.
  Json take();

 private:
  const Tokenizer& tokenizer_;
  Utf8Stream characters_;
  size_t offset_ = 0;
  bool is_first_ = true;
  Json tokens_ = Json::array(), values_ = Json::array(), top_ = Json::array(),
       offsets_ = Json::array();
};

// Little-endian floats in base64, as OpenAI's embeddings.
std::string base64_floats(std::span<const float> values);

}  // namespace heng::server
