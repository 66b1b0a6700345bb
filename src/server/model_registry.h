// The models that are served, by name: loaded when they are asked for, unloaded when others need
// the memory or nobody has asked for a while, least recently used first. A model with requests
// under way is never unloaded. Owns a thread that loads, one model at a time. Safe to use from many
// threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/api_error.h"
#include "server/log.h"
#include "server/model_host.h"

namespace heng::server {

struct ModelSource {
  std::filesystem::path path;
  LoadOptions load;
  EngineOptions engine;     // kv_tokens 0: several contexts, as memory allows
  std::string chat_format;  // as AutoChatFormat's; empty: the model's own
};

struct RegistryOptions {
  uint64_t memory_bytes = 0;                   // for all models; 0: what the machine has
  std::chrono::seconds idle_unload{0};         // 0: never
  std::map<std::string, std::string> aliases;  // other name -> name; "": the first model's
};

class ModelRegistry {
 public:
  using Clock = std::chrono::steady_clock;
  struct Listed {
    std::string name;
    ModelInfo info;
    std::filesystem::path path;
    std::shared_ptr<ModelHost> host;  // nullptr: not loaded
  };
  // Gets the model or the error: an Error of loading or an ApiError.
  using Ready = std::function<void(std::shared_ptr<ModelHost>, std::exception_ptr)>;

  // Reads the files' headers. Throws Error as Model::inspect; kInvalidArgument for two of one name
  // or an alias of no model.
  ModelRegistry(std::vector<ModelSource> sources, RegistryOptions options, Log& log);
  ~ModelRegistry();

  // The name that it is served by; "" and "default": the first model. Also without ".gguf", with
  // ollama's ":latest" or in another case. Throws ApiError 404.
  std::string resolve(const std::string& name) const;
  // REQUIRES: `name` comes from resolve. `ready` is called once: at once where the model is loaded,
  // else from the loading thread. It must not throw.
  void acquire(const std::string& name, Ready ready);
  std::shared_ptr<ModelHost> loaded(const std::string& name) const;  // nullptr: not now
  std::vector<Listed> list() const;

  // Unloads what has failed and what nobody has asked for. Call it now and then.
  void sweep();
  // Those who wait for a model get 503 from now on.
  void stop_loading();
  // Ends the loading thread and gives all models up. Replies under way hold theirs for a while:
  // is_empty() says when the last one is gone.
  void shut_down();
  bool is_empty() const;

 private:
  struct Entry {
    ModelSource source;
    ModelInfo info;
    std::shared_ptr<ModelHost> host;
    bool loading = false;
    std::vector<Ready> waiting;
    Clock::time_point last_used = Clock::now();
    uint64_t bytes() const { return info.weight_bytes + info.kv_bytes + info.work_bytes; }
  };

  const std::string* find(const std::string& name) const;
  void run();
  void load(const std::string& name);
  std::shared_ptr<ModelHost> load_with_room(const std::string& name, const Entry& entry);
  void make_room(const Entry& entry);
  bool unload_oldest_idle();
  static bool is_unused(const Entry& entry);
  std::shared_ptr<ModelHost> open(const std::string& name, const Entry& entry);
  void tell(const std::string& name, const std::shared_ptr<ModelHost>& host,
            const std::exception_ptr& error);

  const RegistryOptions options_;
  Log& log_;
  std::string first_;
  std::map<std::string, std::string> aliases_;
  mutable std::mutex mutex_;
  std::condition_variable work_came_;
  std::map<std::string, Entry> entries_;  // the set of names never changes
  std::deque<std::string> to_load_;
  std::vector<std::weak_ptr<ModelHost>> given_up_;  // by shut_down
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace heng::server
