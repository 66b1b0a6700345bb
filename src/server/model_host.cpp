#include "server/model_host.h"

#include <algorithm>
#include <chrono>

#include "heng/auto_model.h"

namespace heng::server {

ModelHost::ModelHost(std::shared_ptr<const Model> model, std::shared_ptr<const ChatFormat> format,
                     std::filesystem::path path, const EngineOptions& options,
                     std::function<void(const std::string&)> on_failure)
    : model_(std::move(model)),
      format_(std::move(format)),
      path_(std::move(path)),
      on_failure_(std::move(on_failure)),
      engine_(model_, options) {
  const size_t context = model_->info().context;
  most_tokens_ = options.kv_tokens ? std::min(context, options.kv_tokens) : context;
  thread_ = std::thread([this] { run(); });
}

ModelHost::~ModelHost() {
  stopping_ = true;
  engine_.cancel(0);  // no request's: wakes the thread
  thread_.join();
}

std::shared_ptr<const ChatFormat> ModelHost::chat_format() const {
  if (format_) return format_;
  return {model_, &model_->chat_format()};  // owned by the model
}

const std::string& ModelHost::chat_template() {
  std::call_once(read_template_, [this] { chat_template_ = AutoChatFormat::template_of(path_); });
  return chat_template_;
}

FormCompiler& ModelHost::forms() {
  std::call_once(made_forms_, [this] { forms_.emplace(model_->tokenizer()); });
  return *forms_;
}

RequestId ModelHost::submit(Request request) {
  if (failed_) throw Error(ErrorCode::kInternal, "the engine has stopped.");
  return engine_.submit(std::move(request));
}

bool ModelHost::is_idle() const {
  const EngineStats stats = engine_.stats();
  return stats.queued + stats.running == 0;
}

void ModelHost::run() {
  try {
    while (!stopping_) {
      if (!engine_.wait(std::chrono::hours(1))) continue;
      while (!stopping_ && engine_.step()) {
      }
    }
  } catch (const std::exception& error) {
    // A request's own errors end that request; this is the engine's.
    failed_ = true;
    on_failure_(error.what());
  }
}

}  // namespace heng::server
