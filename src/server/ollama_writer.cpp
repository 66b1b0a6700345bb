#include "server/ollama_writer.h"

namespace heng::server {
namespace {

int64_t nanoseconds(double seconds) {
  return static_cast<int64_t>(seconds * 1e9);
}

}  // namespace

OllamaWriter::OllamaWriter(const OllamaCall& call, OllamaShape shape, std::string model_name,
                           const ModelHost& host, std::shared_ptr<Exchange> exchange)
    : model_(host.shared_model()),
      exchange_(std::move(exchange)),
      model_name_(std::move(model_name)),
      shape_(shape),
      stream_(call.stream) {
  if (call.messages.empty()) return;
  format_ = host.chat_format();
  parts_.emplace(*format_, model_->tokenizer());
  if (call.form.tools.offers()) calls_.emplace(format_->tool_syntax());
}

Json OllamaWriter::object(const std::string& thought, const std::string& answer, bool done) const {
  Json line = {{"model", model_name_}, {"created_at", iso_time()}, {"done", done}};
  Json* place = &line;
  if (shape_ == OllamaShape::kChat) {
    line["message"] = {{"role", "assistant"}};
    place = &line["message"];
  }
  (*place)[shape_ == OllamaShape::kChat ? "content" : "response"] = answer;
  if (!thought.empty()) (*place)["thinking"] = thought;
  return line;
}

// Whole, with the last line: arguments are an object there.
void OllamaWriter::add_calls(Json& line) const {
  if (!calls_ || calls_->calls().empty() || shape_ != OllamaShape::kChat) return;
  Json list = Json::array();
  for (const ToolCall& call : calls_->calls()) {
    Json arguments = Json::parse(call.arguments, nullptr, false);
    if (!arguments.is_object()) arguments = {{"arguments", call.arguments}};  // no JSON object
    list.push_back({{"function", {{"name", call.name}, {"arguments", std::move(arguments)}}}});
  }
  line["message"]["tool_calls"] = std::move(list);
}

void OllamaWriter::begin() {
  if (stream_) exchange_->begin_stream("application/x-ndjson");
}

void OllamaWriter::take(const Piece& piece) {
  ReplyStream::Shown shown{"", piece.text};
  if (parts_) shown = parts_->push(piece.id, piece.text);
  if (calls_) shown.answer = calls_->push(shown.answer).text;
  text_ += shown.answer;
  if (!stream_ || (shown.thought.empty() && shown.answer.empty())) return;
  exchange_->write(to_text(object(shown.thought, shown.answer, false)) + "\n");
}

void OllamaWriter::finish(size_t, const Completion& completion) {
  ReplyStream::Shown shown;
  if (parts_) shown = parts_->finish();
  if (calls_) {
    shown.answer = calls_->push(shown.answer).text;
    shown.answer += calls_->finish().text;
  }
  text_ += shown.answer;
  if (!stream_) {
    shown.answer = text_;
    if (parts_) shown.thought = parts_->thought();
  }
  Json last = object(shown.thought, shown.answer, true);
  add_calls(last);
  last["done_reason"] = finish_reason_name(completion.finish);
  const double whole =
      std::chrono::duration<double>(Exchange::Clock::now() - exchange_->began).count();
  last["total_duration"] = nanoseconds(whole);
  last["load_duration"] =
      nanoseconds(std::max(0.0, whole - completion.queue_seconds - completion.prompt_seconds -
                                    completion.generation_seconds));
  last["prompt_eval_count"] = completion.prompt_tokens;
  last["prompt_eval_duration"] = nanoseconds(completion.prompt_seconds);
  last["eval_count"] = completion.ids.size();
  last["eval_duration"] = nanoseconds(completion.generation_seconds);
  if (!stream_) return exchange_->respond({.body = to_text(last)});
  exchange_->write(to_text(last) + "\n");
  exchange_->end_stream();
}

void OllamaWriter::fail(const ApiError& error) {
  if (!stream_) return exchange_->respond(error_response(error, ErrorShape::kOllama));
  exchange_->write(to_text(error.to_ollama_json()) + "\n");
  exchange_->end_stream();
}

}  // namespace heng::server
