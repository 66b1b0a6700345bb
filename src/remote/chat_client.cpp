#include "remote/chat_client.h"

#include <algorithm>
#include <random>
#include <thread>

#include "base/json.h"
#include "base/message.h"
#include "remote/event_reader.h"

namespace heng::remote {
namespace {

constexpr JsonLimits kLimits{
    .max_bytes = EventReader::kMostEventBytes, .max_depth = 64, .advice = ""};

std::string string_at(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

const Json& object_at(const Json& object, const char* key) {
  static const Json kEmpty = Json::object();
  const auto it = object.find(key);
  return it != object.end() && it->is_object() ? *it : kEmpty;
}

std::optional<int64_t> count_at(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer()) return std::nullopt;
  const auto n = it->get<int64_t>();
  return n >= 0 ? std::optional(n) : std::nullopt;
}

// What an error's body says: {"error": {"message"}}, {"error": "..."}, or its first words.
std::string message_of(const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) {
    const std::string inner = string_at(object_at(json, "error"), "message");
    const std::string plain = inner.empty() ? string_at(json, "error") : inner;
    return printable(plain.empty() ? string_at(json, "message") : plain);
  }
  return printable(body);
}

// A key that the provider's answer repeats goes no further.
std::string without(std::string text, const std::string& secret) {
  if (secret.empty()) return text;
  for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3) {
    text.replace(at, secret.size(), "***");
  }
  return text;
}

bool is_temporary(const HttpAnswer& answer) {
  return answer.status == 0 || answer.status == 408 || answer.status == 409 ||
         answer.status == 425 || answer.status == 429 || answer.status >= 500;
}

}  // namespace

// What came so far.
struct ChatClient::Attempt {
  const std::function<void(const ChatDelta&)>& on_delta;
  EventReader events;
  std::string whole;  // of an answer that is one object instead of events
  ChatReply reply;
  bool began = false, done = false;
  std::string error;  // that the stream tells

  void push(std::string_view bytes) {
    if (!began && whole.size() < EventReader::kMostEventBytes) whole += bytes;
    events.push(bytes);
    while (const auto data = events.next()) take(*data);
  }

  void take(const std::string& data) {
    began = true;
    whole.clear();
    if (done) return;
    if (data == "[DONE]") {
      done = true;
      return;
    }
    take(parse_json(data, "an event", kLimits), "delta");
  }

  void take(const Json& json, const char* part) {
    if (!json.is_object()) throw Error(ErrorCode::kCorrupt, "an event is no object.");
    if (json.contains("error") && !json["error"].is_null()) {
      error = message_of(json.dump(-1, ' ', false, Json::error_handler_t::replace));
      done = true;
      return;
    }
    if (reply.model.empty()) reply.model = string_at(json, "model");
    const Json& usage = object_at(json, "usage");
    if (const auto n = count_at(usage, "prompt_tokens")) reply.prompt_tokens = n;
    if (const auto n = count_at(usage, "completion_tokens")) reply.reply_tokens = n;
    const auto choices = json.find("choices");
    if (choices == json.end() || !choices->is_array() || choices->empty()) return;
    const Json& choice = choices->front();
    if (!choice.is_object()) throw Error(ErrorCode::kCorrupt, "choices[0] is no object.");
    if (const auto reason = string_at(choice, "finish_reason"); !reason.empty()) {
      reply.finish_reason = reason;
    }
    const Json& piece = object_at(choice, part);
    ChatDelta delta{string_at(piece, "content"), string_at(piece, "reasoning_content")};
    if (delta.text.empty() && delta.thought.empty()) return;
    reply.text += delta.text;
    reply.thought += delta.thought;
    if (on_delta) on_delta(delta);
  }

  // The stream has ended.
  void finish() {
    if (!began && !whole.empty()) {
      take(parse_json(whole, "the answer", kLimits), "message");
      began = done = true;
    }
  }
};

ChatClient::ChatClient(Provider provider, ChatClientOptions options)
    : provider_(std::move(provider)), options_(options) {}

void ChatClient::fail(ErrorCode code, const std::string& what) const {
  throw Error(code, provider_.name + ": " + without(what, provider_.key()));
}

std::string ChatClient::body_of(const ChatRequest& request) const {
  Json messages = Json::array();
  for (const Message& message : request.messages) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  Json body = {{"model", provider_.model},
               {"messages", std::move(messages)},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}}};
  const auto set = [&](const char* key, const auto& value) {
    if (value) body[key] = *value;
  };
  set("temperature", request.temperature);
  set("top_p", request.top_p);
  set("presence_penalty", request.presence_penalty);
  set("frequency_penalty", request.frequency_penalty);
  set("max_tokens", request.max_tokens);
  set("seed", request.seed);
  if (!request.stop.empty()) body["stop"] = request.stop;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// How long to wait before the request is sent again; nullopt: it is not.
std::optional<std::chrono::milliseconds> ChatClient::wait_after(const HttpAnswer& answer,
                                                                int attempt) const {
  if (attempt >= options_.attempts || answer.was_cancelled || !is_temporary(answer)) {
    return std::nullopt;
  }
  if (answer.retry_after) {
    const std::chrono::milliseconds wait = *answer.retry_after;
    return wait <= options_.longest_wait ? std::optional(wait) : std::nullopt;
  }
  // Half of it is up to chance, so that many clients do not come back together.
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto wait =
      std::min(options_.first_wait * (1 << std::min(attempt - 1, 16)), options_.longest_wait);
  const double share = 0.5 + 0.5 * (random() - random.min()) / (random.max() - random.min());
  return std::chrono::milliseconds(static_cast<int64_t>(wait.count() * share));
}

void ChatClient::check(const HttpAnswer& answer, const Attempt& attempt) const {
  if (answer.was_cancelled) throw Error(ErrorCode::kCancelled, "cancelled.");
  if (answer.status != 0 && answer.status != 200) {
    const std::string said = message_of(answer.body);
    std::string text = provider_.host() + " answers " + std::to_string(answer.status);
    if (!said.empty()) text += ": " + said;
    if (answer.retry_after) {
      text += " (asks to wait " + std::to_string(answer.retry_after->count()) + " s)";
    }
    fail(is_temporary(answer) ? ErrorCode::kBusy : ErrorCode::kInvalidArgument, text);
  }
  if (!attempt.error.empty()) fail(ErrorCode::kBusy, attempt.error);
  if (attempt.done || (answer.broken.empty() && !attempt.reply.finish_reason.empty())) return;
  if (!answer.broken.empty()) {
    const char* where = attempt.began ? ": the reply was cut off: " : ": ";
    fail(ErrorCode::kBusy, provider_.host() + where + answer.broken);
  }
  fail(attempt.began ? ErrorCode::kBusy : ErrorCode::kCorrupt,
       provider_.host() + (attempt.began ? ": the reply was cut off" : ": the answer is empty"));
}

ChatReply ChatClient::chat(const ChatRequest& request,
                           const std::function<void(const ChatDelta&)>& on_delta,
                           const std::function<bool()>& cancelled) const {
  HttpPost post;
  post.url = provider_.base_url + "/chat/completions";
  post.body = body_of(request);
  post.headers = {"Content-Type: application/json", "Accept: text/event-stream", "Expect:"};
  if (const std::string key = provider_.key(); !key.empty()) {
    post.headers.push_back("Authorization: Bearer " + key);
  }
  post.most_bytes = options_.most_bytes;
  post.times = options_.times;
  post.cancelled = cancelled;
  for (int n = 1;; ++n) {
    Attempt attempt{on_delta, {}, {}, {}, false, false, {}};
    post.on_bytes = [&](std::string_view bytes) { attempt.push(bytes); };
    HttpAnswer answer;
    try {
      answer = http_post(post);
      if (answer.status == 200 && answer.broken.empty()) attempt.finish();
    } catch (const Error& error) {
      fail(error.code(), provider_.host() + ": " + error.what());
    }
    const auto wait = attempt.began || answer.status == 200 ? std::nullopt : wait_after(answer, n);
    if (!wait) {
      check(answer, attempt);
      attempt.reply.n_attempts = n;
      return std::move(attempt.reply);
    }
    const auto until = std::chrono::steady_clock::now() + *wait;
    while (std::chrono::steady_clock::now() < until) {
      if (cancelled && cancelled()) throw Error(ErrorCode::kCancelled, "cancelled.");
      std::this_thread::sleep_for(
          std::min<std::chrono::milliseconds>(*wait, std::chrono::milliseconds(20)));
    }
  }
}

}  // namespace heng::remote
