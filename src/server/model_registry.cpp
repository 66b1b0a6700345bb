#include "server/model_registry.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <utility>

#include "base/cpu_info.h"
#include "base/message.h"
#include "heng/auto_model.h"

namespace heng::server {
namespace {

constexpr size_t kContexts = 4;     // of KV memory, where there is room for them
constexpr uint64_t kFreeShare = 4;  // at most one part in this many of the free memory
constexpr int kBusySeconds = 5;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string without(std::string text, std::string_view end) {
  if (text.ends_with(end)) text.resize(text.size() - end.size());
  return text;
}

std::string plain(const std::string& name) {
  return without(lower(without(name, ":latest")), ".gguf");
}

// For several requests of the whole context at once, within reason.
size_t planned_kv_tokens(const ModelInfo& info) {
  const uint64_t token_bytes = std::max<uint64_t>(info.kv_bytes / info.context, 1);
  const uint64_t room = available_memory() / kFreeShare / token_bytes;
  return std::clamp<uint64_t>(room, info.context, kContexts * info.context);
}

std::string size_text(uint64_t bytes) {
  const bool large = bytes >= 1u << 30;
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %s",
                static_cast<double>(bytes) / (large ? 1u << 30 : 1u << 20), large ? "GiB" : "MiB");
  return text;
}

}  // namespace

ModelRegistry::ModelRegistry(std::vector<ModelSource> sources, RegistryOptions options, Log& log)
    : options_(std::move(options)), log_(log) {
  for (ModelSource& source : sources) {
    Entry entry;
    entry.info = Model::inspect(source.path, source.load);
    const std::string name = without(entry.info.name, ".gguf");
    entry.source = std::move(source);
    if (first_.empty()) first_ = name;
    if (!entries_.emplace(name, std::move(entry)).second) {
      throw Error(ErrorCode::kInvalidArgument,
                  "two models are named \"" + printable(name) + "\". Rename one of their folders.");
    }
  }
  for (const auto& [alias, name] : options_.aliases) {
    const std::string* served = name.empty() ? &first_ : find(name);
    if (!served) {
      throw Error(ErrorCode::kInvalidArgument, "the alias \"" + printable(alias) + "\" is of \"" +
                                                   printable(name) + "\", which is not served.");
    }
    aliases_[plain(alias)] = *served;
  }
  thread_ = std::thread([this] { run(); });
}

ModelRegistry::~ModelRegistry() {
  shut_down();
}

void ModelRegistry::shut_down() {
  stop_loading();
  if (thread_.joinable()) thread_.join();
  std::vector<std::shared_ptr<ModelHost>> gone;  // ended outside the lock
  const std::lock_guard lock(mutex_);
  for (auto& [name, entry] : entries_) {
    if (!entry.host) continue;
    given_up_.push_back(entry.host);
    gone.push_back(std::exchange(entry.host, nullptr));
  }
}

bool ModelRegistry::is_empty() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(given_up_.begin(), given_up_.end(),
                     [](const std::weak_ptr<ModelHost>& host) { return host.expired(); });
}

const std::string* ModelRegistry::find(const std::string& name) const {
  const auto exact = entries_.find(name);
  if (exact != entries_.end()) return &exact->first;
  for (const auto& [served, entry] : entries_) {
    if (plain(served) == plain(name)) return &served;
  }
  return nullptr;
}

std::string ModelRegistry::resolve(const std::string& name) const {
  if (name.empty() || name == "default") return first_;
  if (const std::string* served = find(name)) return *served;
  if (const auto alias = aliases_.find(plain(name)); alias != aliases_.end()) return alias->second;
  std::string names;
  for (const auto& [served, entry] : entries_) names += (names.empty() ? "" : ", ") + served;
  throw ApiError(404, "no model \"" + printable(name) + "\" here; served: " + names + ".", "model",
                 "model_not_found");
}

void ModelRegistry::acquire(const std::string& name, Ready ready) {
  std::shared_ptr<ModelHost> host;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(name);
    entry.last_used = Clock::now();
    if (entry.host && !entry.host->has_failed()) {
      host = entry.host;
    } else if (!stopping_) {
      entry.waiting.push_back(std::move(ready));
      if (!entry.loading) to_load_.push_back(name);
      entry.loading = true;
      work_came_.notify_all();
      return;
    }
  }
  std::exception_ptr stopped;
  if (!host) {
    stopped =
        std::make_exception_ptr(ApiError(503, "the server is shutting down.", "", "shutting_down"));
  }
  ready(host, stopped);
}

std::shared_ptr<ModelHost> ModelRegistry::loaded(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : it->second.host;
}

std::vector<ModelRegistry::Listed> ModelRegistry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Listed> all;
  for (const auto& [name, entry] : entries_) {
    all.push_back({name, entry.info, entry.source.path, entry.host});
  }
  return all;
}

void ModelRegistry::stop_loading() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  work_came_.notify_all();
}

// New users come by acquire() alone, under the same lock.
bool ModelRegistry::is_unused(const Entry& entry) {
  return entry.host.use_count() == 1 && entry.host->is_idle();
}

void ModelRegistry::sweep() {
  std::vector<std::shared_ptr<ModelHost>> gone;  // ended outside the lock
  const std::lock_guard lock(mutex_);
  for (auto& [name, entry] : entries_) {
    if (!entry.host) continue;
    const bool old = options_.idle_unload.count() > 0 && is_unused(entry) &&
                     Clock::now() - entry.last_used > options_.idle_unload;
    if (!old && !entry.host->has_failed()) continue;
    log_.write("unload", {{"model", name}, {"why", old ? "idle" : "failed"}});
    gone.push_back(std::exchange(entry.host, nullptr));
  }
}

void ModelRegistry::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_came_.wait(lock, [&] { return stopping_ || !to_load_.empty(); });
    if (to_load_.empty()) return;
    const std::string name = to_load_.front();
    to_load_.pop_front();
    lock.unlock();
    load(name);
    lock.lock();
  }
}

void ModelRegistry::load(const std::string& name) {
  const Entry& entry = entries_.at(name);  // its source and info never change
  const auto began = Clock::now();
  std::exception_ptr problem;
  std::shared_ptr<ModelHost> host;
  try {
    host = load_with_room(name, entry);
    const std::chrono::duration<double> took = Clock::now() - began;
    log_.write("load", {{"model", name}, {"seconds", took.count()}});
  } catch (const std::exception& error) {
    log_.write("load_failed", {{"model", name}, {"error", error.what()}});
    problem = std::current_exception();
  }
  tell(name, host, problem);
}

void ModelRegistry::tell(const std::string& name, const std::shared_ptr<ModelHost>& host,
                         const std::exception_ptr& error) {
  std::vector<Ready> waiting;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(name);
    entry.host = host;
    entry.loading = false;
    entry.last_used = Clock::now();
    waiting.swap(entry.waiting);
  }
  for (const Ready& ready : waiting) ready(host, error);
}

std::shared_ptr<ModelHost> ModelRegistry::load_with_room(const std::string& name,
                                                         const Entry& entry) {
  make_room(entry);
  while (true) {
    try {
      return open(name, entry);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory || !unload_oldest_idle()) throw;
    }
  }
}

void ModelRegistry::make_room(const Entry& entry) {
  if (options_.memory_bytes == 0) return;
  const auto used = [&] {
    const std::lock_guard lock(mutex_);
    uint64_t sum = 0;
    for (const auto& [name, other] : entries_) sum += other.host ? other.bytes() : 0;
    return sum;
  };
  while (used() + entry.bytes() > options_.memory_bytes) {
    if (unload_oldest_idle()) continue;
    throw ApiError(503,
                   "the model takes " + size_text(entry.bytes()) + " of the " +
                       size_text(options_.memory_bytes) +
                       " that models may use, and models at "
                       "work hold " +
                       size_text(used()) + ".",
                   "model", "no_room")
        .with_retry_after(kBusySeconds);
  }
}

bool ModelRegistry::unload_oldest_idle() {
  std::shared_ptr<ModelHost> gone;
  const std::lock_guard lock(mutex_);
  Entry* oldest = nullptr;
  std::string oldest_name;
  for (auto& [name, entry] : entries_) {
    if (!entry.host || !is_unused(entry)) continue;
    if (oldest && oldest->last_used <= entry.last_used) continue;
    oldest = &entry;
    oldest_name = name;
  }
  if (!oldest) return false;
  log_.write("unload", {{"model", oldest_name}, {"why", "memory"}});
  gone = std::exchange(oldest->host, nullptr);
  return true;
}

std::shared_ptr<ModelHost> ModelRegistry::open(const std::string& name, const Entry& entry) {
  LoadOptions load = entry.source.load;
  load.on_progress = [this](uint64_t, uint64_t) {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw Error(ErrorCode::kCancelled, "loading was stopped.");
  };
  auto model = Model::load(entry.source.path, load);
  EngineOptions engine = entry.source.engine;
  if (engine.kv_tokens == 0) engine.kv_tokens = planned_kv_tokens(model->info());
  std::shared_ptr<const ChatFormat> format;
  if (!entry.source.chat_format.empty()) {
    format = AutoChatFormat::from_pretrained(entry.source.path, entry.source.chat_format);
  }
  const auto note = [this, name](const std::string& why) {
    log_.write("engine_failed", {{"model", name}, {"error", why}});
  };
  return std::make_shared<ModelHost>(std::move(model), std::move(format), entry.source.path, engine,
                                     note);
}

}  // namespace heng::server
