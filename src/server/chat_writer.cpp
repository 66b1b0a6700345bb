#include "server/chat_writer.h"

#include <utility>

namespace heng::server {

ChatWriter::ChatWriter(const ChatCall& call, std::string model_name, const ModelHost& host,
                       std::shared_ptr<Exchange> exchange)
    : model_(host.shared_model()),
      format_(host.chat_format()),
      exchange_(std::move(exchange)),
      model_name_(std::move(model_name)),
      id_("chatcmpl-" + exchange_->id),
      streaming_(call.streaming),
      wants_logprobs_(call.logprobs.has_value()),
      created_(unix_seconds()),
      n_left_(call.n) {
  for (size_t i = 0; i < call.n; ++i) {
    choices_.push_back({ReplyStream(*format_, model_->tokenizer()), Json::array(), ""});
  }
}

Json ChatWriter::object(std::string_view kind) const {
  return {{"id", id_},
          {"object", kind},
          {"created", created_},
          {"model", model_name_},
          {"system_fingerprint", "heng-" + model_->info().computed_as}};
}

void ChatWriter::begin() {
  if (!streaming_.stream) return;
  exchange_->begin_stream("text/event-stream");
  for (size_t i = 0; i < choices_.size(); ++i) {
    send_delta(i, {{"role", "assistant"}, {"content", ""}});
  }
}

void ChatWriter::send_delta(size_t index, Json delta, const char* finish_reason) {
  Json choice = {{"index", index},
                 {"delta", std::move(delta)},
                 {"finish_reason", finish_reason ? Json(finish_reason) : Json()},
                 {"logprobs", nullptr}};
  Json& logprobs = choices_[index].logprobs;
  if (!logprobs.empty()) {
    choice["logprobs"] = {{"content", std::exchange(logprobs, Json::array())}};
  }
  Json chunk = object("chat.completion.chunk");
  chunk["choices"] = Json::array({std::move(choice)});
  if (streaming_.include_usage) chunk["usage"] = nullptr;
  exchange_->write(event_text(chunk));
}

void ChatWriter::send_shown(size_t index, const ReplyStream::Shown& shown) {
  Json delta = Json::object();
  if (!shown.thought.empty()) delta["reasoning_content"] = shown.thought;
  if (!shown.answer.empty()) delta["content"] = shown.answer;
  if (!delta.empty() || !choices_[index].logprobs.empty()) send_delta(index, std::move(delta));
}

void ChatWriter::take(const Piece& piece) {
  Choice& choice = choices_[piece.index];
  const ReplyStream::Shown shown = choice.stream.push(piece.id, piece.text);
  if (wants_logprobs_ && piece.logprobs) {
    choice.logprobs.push_back(chat_logprob(model_->tokenizer(), piece.id, *piece.logprobs));
  }
  if (streaming_.stream) send_shown(piece.index, shown);
}

void ChatWriter::finish(size_t index, const Completion& completion) {
  Choice& choice = choices_[index];
  const ReplyStream::Shown rest = choice.stream.finish();
  choice.finish_reason = finish_reason_name(completion.finish);
  // The prompt is one, however many replies there are to it.
  if (usage_.prompt_tokens == 0) usage_.add_prompt(completion);
  usage_.reply_tokens += completion.ids.size();
  usage_.thought_tokens += choice.stream.thought_tokens();
  if (streaming_.stream) {
    send_shown(index, rest);
    send_delta(index, Json::object(), choice.finish_reason.c_str());
  }
  if (--n_left_ == 0) end();
}

void ChatWriter::end() {
  if (streaming_.stream) {
    if (streaming_.include_usage) {
      Json chunk = object("chat.completion.chunk");
      chunk["choices"] = Json::array();
      chunk["usage"] = usage_.to_json();
      exchange_->write(event_text(chunk));
    }
    exchange_->write("data: [DONE]\n\n");
    return exchange_->end_stream();
  }
  Json choices = Json::array();
  for (size_t i = 0; i < choices_.size(); ++i) {
    Choice& choice = choices_[i];
    Json message = {
        {"role", "assistant"}, {"content", choice.stream.answer()}, {"refusal", nullptr}};
    if (format_->thinks()) message["reasoning_content"] = choice.stream.thought();
    Json logprobs;
    if (wants_logprobs_) logprobs = {{"content", std::move(choice.logprobs)}};
    choices.push_back({{"index", i},
                       {"message", std::move(message)},
                       {"logprobs", std::move(logprobs)},
                       {"finish_reason", choice.finish_reason}});
  }
  Json answer = object("chat.completion");
  answer["choices"] = std::move(choices);
  answer["usage"] = usage_.to_json();
  exchange_->respond({.body = to_text(answer)});
}

void ChatWriter::fail(const ApiError& error) {
  fail_openai(*exchange_, error, streaming_.stream);
}

}  // namespace heng::server
