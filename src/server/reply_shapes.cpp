#include "server/reply_shapes.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

namespace heng::server {
namespace {

size_t code_points(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

Json byte_list(std::string_view bytes) {
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return list;
}

// Rows of the output head that no token belongs to have no text.
std::string_view bytes_of(const Tokenizer& tokenizer, TokenId id) {
  const bool exists = id >= 0 && static_cast<size_t>(id) < tokenizer.size();
  return exists ? tokenizer.token_bytes(id) : std::string_view();
}

}  // namespace

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string event_text(const Json& json) {
  return "data: " + to_text(json) + "\n\n";
}

Response error_response(const ApiError& error, ErrorShape shape) {
  const Json body = shape == ErrorShape::kOllama ? error.to_ollama_json() : error.to_json();
  Response response{.status = error.status(), .body = to_text(body)};
  if (error.retry_after() > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after()));
  }
  return response;
}

void fail_openai(Exchange& exchange, const ApiError& error, bool is_stream) {
  if (!is_stream) return exchange.respond(error_response(error, ErrorShape::kOpenAi));
  exchange.write(event_text(error.to_json()));
  exchange.end_stream();
}

int64_t unix_seconds() {
  return static_cast<int64_t>(std::time(nullptr));
}

std::string iso_time() {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const std::time_t seconds = system_clock::to_time_t(now);
  const auto us = duration_cast<microseconds>(now.time_since_epoch()).count() % 1'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  const size_t n = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + n, sizeof(text) - n, ".%06dZ", static_cast<int>(us));
  return text;
}

void Usage::add_prompt(const Completion& completion) {
  prompt_tokens += completion.prompt_tokens;
  cached_tokens += completion.reused_tokens;
}

Json Usage::to_json() const {
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", reply_tokens},
          {"total_tokens", prompt_tokens + reply_tokens},
          {"prompt_tokens_details", {{"cached_tokens", cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", thought_tokens}}}};
}

std::string token_name(const Tokenizer& tokenizer, TokenId id) {
  const std::string bytes(bytes_of(tokenizer, id));
  if (replace_invalid_utf8(bytes) == bytes) return bytes;
  std::string name = "bytes:";
  for (const char c : bytes) {
    char hex[5];
    std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned char>(c));
    name += hex;
  }
  return name;
}

Json chat_logprob(const Tokenizer& tokenizer, TokenId id, const Logprobs& logprobs) {
  const auto item = [&](TokenId of, float logprob) {
    return Json{{"token", token_name(tokenizer, of)},
                {"logprob", logprob},
                {"bytes", byte_list(bytes_of(tokenizer, of))}};
  };
  Json top = Json::array();
  for (const TokenLogprob& best : logprobs.top) top.push_back(item(best.id, best.logprob));
  Json out = item(id, logprobs.logprob);
  out["top_logprobs"] = std::move(top);
  return out;
}

void CompletionLogprobs::add(TokenId id, const Logprobs* logprobs) {
  const std::string name = token_name(tokenizer_, id);
  tokens_.push_back(name);
  std::string_view bytes = bytes_of(tokenizer_, id);
  if (is_first_ && tokenizer_.drops_first_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  is_first_ = false;
  // Bytes of a character that this token does not go on with are shown in front of it.
  Utf8Stream before = characters_;
  const bool goes_on = !bytes.empty() && (bytes.front() & 0xc0) == 0x80;
  offsets_.push_back(offset_ + (goes_on ? 0 : code_points(before.flush())));
  offset_ += code_points(characters_.push(bytes));
  if (!logprobs) {
    values_.push_back(nullptr);
    top_.push_back(nullptr);
    return;
  }
  values_.push_back(logprobs->logprob);
  Json best = Json::object();
  for (const TokenLogprob& other : logprobs->top) {
    best.emplace(token_name(tokenizer_, other.id), other.logprob);  // of one name the better
  }
  best.emplace(name, logprobs->logprob);
  top_.push_back(std::move(best));
}

Json CompletionLogprobs::take() {
  const auto taken = [](Json& list) { return std::exchange(list, Json::array()); };
  return {{"tokens", taken(tokens_)},
          {"token_logprobs", taken(values_)},
          {"top_logprobs", taken(top_)},
          {"text_offset", taken(offsets_)}};
}

std::string base64_floats(std::span<const float> values) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  for (const float value : values) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(bits >> (8 * i));
  }
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) out += k > n ? '=' : kAlphabet[group >> (18 - 6 * k) & 63];
  }
  return out;
}

}  // namespace heng::server
