#include "heng/engine.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>

#include "base/cpu_info.h"
#include "engine/loaded_model.h"
#include "engine/request_check.h"
#include "engine/runner.h"
#include "engine/scheduler.h"

namespace heng {
namespace {

using engine::Sequence;

std::shared_ptr<const engine::LoadedModel> loaded_model(std::shared_ptr<const Model> model) {
  auto loaded = std::dynamic_pointer_cast<const engine::LoadedModel>(model);
  if (!loaded) {
    throw Error(ErrorCode::kInvalidArgument, "Engine: expected a model made by Model::load.");
  }
  return loaded;
}

size_t checked_blocks(const engine::LoadedModel& model, const EngineOptions& options) {
  if (options.max_batch == 0 || options.prompt_chunk == 0 || options.max_queue == 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "Engine: max_batch, prompt_chunk and max_queue are at least 1.");
  }
  const size_t planned = engine::blocks_for(model.model_info.context);
  if (options.kv_tokens == 0) return planned;
  const size_t wanted = engine::blocks_for(options.kv_tokens);
  const size_t bytes = models::kv_layout(model.spec, model.kv_type).block_bytes();
  // Room for the planned context was found when the model was loaded.
  const uint64_t free = available_memory();
  if (wanted > planned && wanted - planned > free / bytes) {
    const auto mib = [](double n) { return std::to_string(static_cast<uint64_t>(n / 1048576)); };
    throw Error(ErrorCode::kOutOfMemory,
                "KV memory for " + std::to_string(options.kv_tokens) + " tokens takes " +
                    mib(static_cast<double>(wanted) * static_cast<double>(bytes)) + " MiB; " +
                    mib(static_cast<double>(free)) +
                    " MiB are free. Give the engine fewer kv_tokens.");
  }
  return wanted;
}

// Blocks that are given back whatever happens.
struct BorrowedBlocks {
  engine::KvMemory& memory;
  engine::SequenceKv kv;

  ~BorrowedBlocks() { memory.discard(kv); }
};

}  // namespace

struct Engine::State {
  const std::shared_ptr<const engine::LoadedModel> model;
  const EngineOptions options;
  engine::KvMemory memory;
  engine::Runner runner;
  engine::Scheduler scheduler;

  // What several threads touch.
  std::mutex mutex;
  std::condition_variable work_came;
  std::vector<std::unique_ptr<Sequence>> inbox;  // submitted since the last step
  std::vector<RequestId> cancels;                // asked for since then
  EngineStats stats;                             // as of the last step

  std::atomic<RequestId> last_id = 0;
  uint64_t steps = 0, reused = 0, completed = 0, failed = 0, cancelled = 0;  // for stats

  State(std::shared_ptr<const engine::LoadedModel> m, const EngineOptions& o)
      : model(std::move(m)),
        options(o),
        memory(models::kv_layout(model->spec, model->kv_type), checked_blocks(*model, o)),
        runner(*model, memory, std::max<size_t>(o.max_batch, 32)),
        scheduler(memory, {o.max_batch, o.prompt_chunk}) {
    publish();
  }

  ~State() {
    take_news();
    scheduler.for_all([](Sequence& s) { s.end(FinishReason::kCancelled); });
    for (const auto& s : scheduler.take_ended()) hand_over(s->complete(), s->request());
  }

  size_t kv_tokens() const { return memory.pool().size() * ops::kKvBlockTokens; }

  static void hand_over(Completion completion, const Request& request) {
    if (request.on_done) request.on_done(std::move(completion));
  }

  void take_news() {
    std::vector<RequestId> cancelled;
    {
      const std::lock_guard lock(mutex);
      stats.queued += inbox.size();  // they wait all the time, for submit() too
      for (auto& sequence : inbox) scheduler.add(std::move(sequence));
      inbox.clear();
      cancelled.swap(cancels);
    }
    for (const RequestId id : cancelled) {
      if (Sequence* s = scheduler.find(id)) s->end(FinishReason::kCancelled);
    }
  }

  void run_batch() {
    const auto batch = scheduler.next();
    {  // what begins with this batch has left the queue: others may enter it
      const std::lock_guard lock(mutex);
      count_queue();
    }
    if (batch.empty()) return;
    ++steps;
    const auto fail_all = [&](const Error& error) {
      for (const auto& slice : batch) slice.sequence->fail(error);
    };
    try {
      runner.run(batch);
    } catch (const Error& error) {
      fail_all(error);
    } catch (const std::bad_alloc&) {
      fail_all(Error(ErrorCode::kOutOfMemory,
                     "no memory for a batch. Use a smaller prompt_chunk or max_batch."));
    } catch (const std::exception& error) {  // of a library: those who wait are told
      fail_all(Error(ErrorCode::kInternal, std::string("a batch failed: ") + error.what()));
    }
  }

  void count(const Completion& completion) {
    reused += completion.reused_tokens;
    if (completion.finish == FinishReason::kError) {
      ++failed;
    } else if (completion.finish == FinishReason::kCancelled) {
      ++cancelled;
    } else {
      ++completed;
    }
  }

  // Hands out what has ended since the last call; callbacks see the state after it.
  void finish() {
    std::vector<std::pair<std::unique_ptr<Sequence>, Completion>> ended;
    for (auto& sequence : scheduler.take_ended()) {
      Completion completion = sequence->complete();
      count(completion);
      ended.emplace_back(std::move(sequence), std::move(completion));
    }
    publish();
    for (auto& [sequence, completion] : ended) {
      hand_over(std::move(completion), sequence->request());
    }
  }

  void count_queue() {  // REQUIRES: mutex is held
    stats.queued = scheduler.n_queued();
    stats.running = scheduler.n_running();
  }

  void publish() {
    const std::lock_guard lock(mutex);
    count_queue();
    stats.kv_blocks = memory.pool().size();
    stats.free_blocks = memory.pool().n_free();
    stats.cached_blocks = memory.cache().n_idle();
    stats.steps = steps;
    stats.prompt_tokens = runner.prompt_tokens();
    stats.reused_tokens = reused;
    stats.generated_tokens = runner.generated_tokens();
    stats.guessed_tokens = runner.guessed_tokens();
    stats.kept_guesses = runner.kept_guesses();
    stats.completed = completed;
    stats.failed = failed;
    stats.cancelled = cancelled;
    stats.preemptions = scheduler.preemptions();
    stats.evicted_blocks = memory.cache().n_evicted();
  }

  bool has_work() const {  // REQUIRES: mutex is held
    return !inbox.empty() || !cancels.empty() || stats.queued + stats.running > 0;
  }
};

Engine::Engine(std::shared_ptr<const Model> model, const EngineOptions& options)
    : state_(std::make_unique<State>(loaded_model(std::move(model)), options)) {}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

const Model& Engine::model() const {
  return *state_->model;
}

RequestId Engine::submit(Request request) {
  State& s = *state_;
  engine::check_request(request, *s.model, s.kv_tokens());
  const RequestId id = ++s.last_id;
  auto sequence = std::make_unique<Sequence>(id, std::move(request), *s.model);
  const std::lock_guard lock(s.mutex);
  const size_t waiting = s.stats.queued + s.inbox.size();
  if (waiting >= s.options.max_queue) {
    throw Error(ErrorCode::kBusy, std::to_string(waiting) +
                                      " requests wait already, the most there may be. Try again "
                                      "later.");
  }
  s.inbox.push_back(std::move(sequence));
  s.work_came.notify_all();
  return id;
}

void Engine::cancel(RequestId id) {
  const std::lock_guard lock(state_->mutex);
  state_->cancels.push_back(id);
  state_->work_came.notify_all();
}

bool Engine::step() {
  State& s = *state_;
  s.take_news();
  s.finish();  // what was cancelled must not take part
  s.run_batch();
  s.finish();
  const std::lock_guard lock(s.mutex);
  return s.has_work();
}

bool Engine::wait(std::chrono::milliseconds most) const {
  std::unique_lock lock(state_->mutex);
  return state_->work_came.wait_for(lock, most, [&] { return state_->has_work(); });
}

Completion Engine::run(Request request) {
  // Shared with the callback, which may outlive this call if step() throws.
  const auto outcome = std::make_shared<std::optional<Completion>>();
  request.on_done = [outcome, also = std::move(request.on_done)](Completion completion) {
    if (also) also(completion);
    *outcome = std::move(completion);
  };
  submit(std::move(request));
  while (!*outcome) step();
  if ((*outcome)->error) throw Error(*(*outcome)->error);
  return std::move(**outcome);
}

std::vector<float> Engine::log_probs(std::span<const TokenId> prompt,
                                     std::span<const TokenId> continuation) {
  if (continuation.empty()) return {};
  engine::check_ids(prompt, *state_->model);
  Request request;
  request.task = Task::kScore;
  request.prompt.assign(prompt.begin(), prompt.end());
  request.prompt.insert(request.prompt.end(), continuation.begin(), continuation.end());
  request.echo_from = prompt.size();
  std::vector<float> result;
  for (const Logprobs& of_token : run(std::move(request)).prompt_logprobs) {
    result.push_back(of_token.logprob);
  }
  return result;
}

std::vector<float> Engine::embed(std::span<const TokenId> ids) {
  Request request;
  request.task = Task::kEmbed;
  request.prompt.assign(ids.begin(), ids.end());
  return run(std::move(request)).embedding;
}

void Engine::logits(std::span<const TokenId> ids, size_t steps,
                    const std::function<void(std::span<const float>)>& row) {
  State& s = *state_;
  engine::check_ids(ids, *s.model);
  engine::check_room(ids.size(), 0, *s.model, s.kv_tokens());
  if (steps >= ids.size()) {
    throw Error(ErrorCode::kInvalidArgument, std::to_string(steps) + " steps of " +
                                                 std::to_string(ids.size()) +
                                                 " ids leave no prefill: expected fewer.");
  }
  BorrowedBlocks blocks{s.memory, {}};
  if (!s.memory.grow(blocks.kv, ids.size())) {
    throw Error(ErrorCode::kOutOfMemory, "running requests hold the KV memory that " +
                                             std::to_string(ids.size()) +
                                             " tokens need. Wait until they have ended.");
  }
  s.runner.logits(ids, steps, s.options.prompt_chunk, blocks.kv, row);
}

std::vector<float> Engine::logits(std::span<const TokenId> ids, size_t steps) {
  std::vector<float> all;
  logits(ids, steps,
         [&](std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); });
  return all;
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(state_->mutex);
  EngineStats stats = state_->stats;
  stats.queued += state_->inbox.size();
  return stats;
}

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kError:
      return "error";
  }
  return "";
}

}  // namespace heng
