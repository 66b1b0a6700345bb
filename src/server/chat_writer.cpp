#include "server/chat_writer.h"

#include <utility>

namespace heng::server {

ChatWriter::ChatWriter(const ChatCall& call, const ReplyLabel& label, const ModelHost& host,
                       std::shared_ptr<Exchange> exchange)
    : model_(host.shared_model()),
      format_(host.chat_format()),
      exchange_(std::move(exchange)),
      label_(label),
      id_("chatcmpl-" + exchange_->id),
      streaming_(call.streaming),
      wants_logprobs_(call.logprobs.has_value()),
      is_older_api_(call.form.tools.is_older_api),
      created_(unix_seconds()),
      n_left_(call.n) {
  for (size_t i = 0; i < call.n; ++i) {
    Choice choice{ReplyStream(*format_, model_->tokenizer()), std::nullopt, Json::array(), ""};
    if (call.form.tools.offers()) choice.calls.emplace(format_->tool_syntax());
    choices_.push_back(std::move(choice));
  }
}

Json ChatWriter::object(std::string_view kind) const {
  return {{"id", id_},
          {"object", kind},
          {"created", created_},
          {"model", label_.model},
          {"system_fingerprint",
           label_.is_hidden ? Json() : Json("heng-" + model_->info().computed_as)}};
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

std::string ChatWriter::call_id(size_t index, size_t call) const {
  return "call_" + exchange_->id + "_" + std::to_string(index) + "_" + std::to_string(call);
}

// What a delta has of calls: "tool_calls", or "function_call" of the older API; null where nothing.
Json ChatWriter::call_pieces(size_t index, const ToolCallStream::Delta& delta) const {
  Json pieces = Json::array();
  for (const ToolCallStream::Piece& piece : delta.pieces) {
    Json function = {{"arguments", piece.arguments}};
    if (!piece.name.empty()) function["name"] = piece.name;
    if (is_older_api_) return function;  // one call a reply
    Json item = {{"index", piece.index}, {"function", std::move(function)}};
    if (!piece.name.empty()) {
      item["id"] = call_id(index, piece.index);
      item["type"] = "function";
    }
    pieces.push_back(std::move(item));
  }
  return pieces.empty() ? Json() : pieces;
}

void ChatWriter::pass_on(size_t index, const ReplyStream::Shown& shown) {
  Choice& choice = choices_[index];
  ToolCallStream::Delta delta{shown.answer, {}};
  if (choice.calls) delta = choice.calls->push(shown.answer);
  send(index, shown.thought, delta);
}

void ChatWriter::send(size_t index, const std::string& thought,
                      const ToolCallStream::Delta& delta) {
  if (!streaming_.stream) return;
  Json json = Json::object();
  if (!thought.empty()) json["reasoning_content"] = thought;
  if (!delta.text.empty()) json["content"] = delta.text;
  if (Json pieces = call_pieces(index, delta); !pieces.is_null()) {
    json[is_older_api_ ? "function_call" : "tool_calls"] = std::move(pieces);
  }
  if (!json.empty() || !choices_[index].logprobs.empty()) send_delta(index, std::move(json));
}

void ChatWriter::take(const Piece& piece) {
  Choice& choice = choices_[piece.index];
  const ReplyStream::Shown shown = choice.stream.push(piece.id, piece.text);
  if (wants_logprobs_ && piece.logprobs) {
    choice.logprobs.push_back(chat_logprob(model_->tokenizer(), piece.id, *piece.logprobs));
  }
  pass_on(piece.index, shown);
}

void ChatWriter::finish(size_t index, const Completion& completion) {
  Choice& choice = choices_[index];
  const ReplyStream::Shown rest = choice.stream.finish();
  pass_on(index, rest);
  if (choice.calls) send(index, "", choice.calls->finish());
  choice.finish_reason = finish_reason(choice, completion.finish);
  // The prompt is one, however many replies there are to it.
  if (usage_.prompt_tokens == 0) usage_.add_prompt(completion);
  usage_.reply_tokens += completion.ids.size();
  usage_.thought_tokens += choice.stream.thought_tokens();
  if (streaming_.stream) {
    send_delta(index, Json::object(), choice.finish_reason.c_str());
  }
  if (--n_left_ == 0) end();
}

std::string ChatWriter::finish_reason(const Choice& choice, FinishReason reason) const {
  const bool calls = choice.calls && !choice.calls->calls().empty();
  if (!calls || reason != FinishReason::kStop) return std::string(finish_reason_name(reason));
  return is_older_api_ ? "function_call" : "tool_calls";
}

Json ChatWriter::message(size_t index) const {
  const Choice& choice = choices_[index];
  Json message = {{"role", "assistant"}, {"content", choice.stream.answer()}, {"refusal", nullptr}};
  if (format_->thinks()) message["reasoning_content"] = choice.stream.thought();
  if (!choice.calls) return message;
  message["content"] = choice.calls->text();
  const auto& calls = choice.calls->calls();
  if (calls.empty()) return message;
  if (choice.calls->text().empty()) message["content"] = nullptr;
  Json list = Json::array();
  for (size_t i = 0; i < calls.size(); ++i) {
    const Json function = {{"name", calls[i].name}, {"arguments", calls[i].arguments}};
    list.push_back({{"id", call_id(index, i)}, {"type", "function"}, {"function", function}});
  }
  if (is_older_api_) {
    message["function_call"] = list[0]["function"];
  } else {
    message["tool_calls"] = std::move(list);
  }
  return message;
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
    Json logprobs;
    if (wants_logprobs_) logprobs = {{"content", std::move(choice.logprobs)}};
    choices.push_back({{"index", i},
                       {"message", message(i)},
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
