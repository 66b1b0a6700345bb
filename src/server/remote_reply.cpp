#include "server/remote_reply.h"

#include <boost/asio/post.hpp>

#include "server/reply_shapes.h"

namespace heng::server {
namespace {

remote::ChatRequest request_of(const ChatCall& call) {
  const Sampling& s = call.sampling;
  return {call.messages,       s.temperature, s.top_p, s.presence_penalty,
          s.frequency_penalty, s.max_tokens,  s.seed,  s.stop};
}

int status_of(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument ? 400
         : error.code() == ErrorCode::kCancelled     ? 503
                                                     : 502;
}

// Writes the events; from the thread that waits for the provider.
class Events {
 public:
  Events(std::shared_ptr<Exchange> exchange, std::string model)
      : exchange_(std::move(exchange)), model_(std::move(model)), created_(unix_seconds()) {}

  void delta(const remote::ChatDelta& delta) {
    Json json = Json::object();
    if (!delta.thought.empty()) json["reasoning_content"] = delta.thought;
    if (!delta.text.empty()) json["content"] = delta.text;
    send(choice(std::move(json), nullptr));
  }

  void end(const remote::ChatReply& reply, bool include_usage) {
    Json last = choice(Json::object(), reply.finish_reason.empty() ? "stop" : reply.finish_reason);
    if (include_usage && reply.reply_tokens) {
      const int64_t prompt = reply.prompt_tokens.value_or(0);
      last["usage"] = {{"prompt_tokens", prompt},
                       {"completion_tokens", *reply.reply_tokens},
                       {"total_tokens", prompt + *reply.reply_tokens}};
    }
    send(last);
    exchange_->post([exchange = exchange_] {
      exchange->write("data: [DONE]\n\n");
      exchange->end_stream();
    });
  }

  void fail(const ApiError& error) {
    exchange_->post([exchange = exchange_, error, began = began_] {
      exchange->facts.outcome = "provider: " + std::to_string(error.status());
      fail_openai(*exchange, error, began);
    });
  }

 private:
  Json choice(Json delta, const Json& finish_reason) const {
    Json choices = Json::array();
    choices.push_back(
        {{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", finish_reason}});
    return {{"id", "chatcmpl-" + exchange_->id},
            {"object", "chat.completion.chunk"},
            {"created", created_},
            {"model", model_},
            {"choices", std::move(choices)}};
  }

  void send(const Json& json) {
    exchange_->post([exchange = exchange_, text = event_text(json), first = !began_] {
      if (first) exchange->begin_stream("text/event-stream");
      exchange->write(text);
    });
    began_ = true;
  }

  const std::shared_ptr<Exchange> exchange_;
  const std::string model_;
  const int64_t created_;
  bool began_ = false;
};

}  // namespace

void RemoteReplies::start(const std::shared_ptr<Exchange>& exchange,
                          std::shared_ptr<const remote::ChatClient> client, const ChatCall& call,
                          const ReplyLabel& label) {
  exchange->post([exchange, name = client->provider().name] { exchange->facts.model = name; });
  boost::asio::post(threads_, [this, exchange, client, label, request = request_of(call),
                               include_usage = call.streaming.include_usage] {
    Events events(exchange, label.model);
    const auto gone = [this, &exchange] {
      return stopping_ || !exchange->is_open() || exchange->client_left();
    };
    try {
      if (gone()) throw Error(ErrorCode::kCancelled, "the server is shutting down.");
      const auto reply = client->chat(
          request, [&](const remote::ChatDelta& delta) { events.delta(delta); }, gone);
      events.end(reply, include_usage);
    } catch (const Error& error) {
      const char* hidden = "this column could not be answered.";
      events.fail(ApiError(status_of(error), label.is_hidden ? hidden : error.what(), "",
                           "provider_error"));
    } catch (const std::exception&) {
      events.fail(ApiError(500, "an error inside the server.", "", "provider_error"));
    }
  });
}

}  // namespace heng::server
