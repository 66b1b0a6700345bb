// A loaded model and the one thread that moves its engine. Requests come from any thread; what they
// call back comes from that thread. The destructor cancels what has not ended; it must not run on
// that thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "heng/engine.h"
#include "server/reply_form.h"

namespace heng::server {

class ModelHost {
 public:
  // `format` nullptr: the model's own, where it has one. `path`: the model's files.
  // `on_failure`: called once, from the
  // engine's thread, where the engine cannot go on. Throws as Engine.
  ModelHost(std::shared_ptr<const Model> model, std::shared_ptr<const ChatFormat> format,
            std::filesystem::path path, const EngineOptions& options,
            std::function<void(const std::string& why)> on_failure);
  ~ModelHost();

  const Model& model() const { return *model_; }
  const std::shared_ptr<const Model>& shared_model() const { return model_; }
  // Throws Error kUnsupported where there is none.
  std::shared_ptr<const ChatFormat> chat_format() const;
  // Of the model's files, which are read for it once; empty where they have none.
  const std::string& chat_template();
  // Throws Error where the model has no tokenizer.
  FormCompiler& forms();
  // Prompt and reply together: the context, or the KV memory where that is less.
  size_t most_tokens() const { return most_tokens_; }

  // Throws as Engine::submit, and kInternal where the engine has failed.
  RequestId submit(Request request);
  void cancel(RequestId id) { engine_.cancel(id); }
  EngineStats stats() const { return engine_.stats(); }
  bool is_idle() const;
  bool has_failed() const { return failed_; }

 private:
  void run();

  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<const ChatFormat> format_;
  const std::filesystem::path path_;
  const std::function<void(const std::string&)> on_failure_;
  Engine engine_;
  size_t most_tokens_;
  std::once_flag read_template_, made_forms_;
  std::string chat_template_;
  std::optional<FormCompiler> forms_;
  std::atomic<bool> stopping_ = false, failed_ = false;
  std::thread thread_;
};

}  // namespace heng::server
