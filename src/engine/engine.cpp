#include "heng/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/ids_only.h"
#include "engine/kv_cache.h"
#include "engine/loaded_model.h"
#include "engine/sampler.h"
#include "engine/stop_rules.h"
#include "models/rope.h"

namespace heng {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

struct Engine::State {
  std::shared_ptr<const engine::LoadedModel> model;
  std::unique_ptr<ops::Backend> backend;
  engine::KvCache cache;
  models::Workspace work;
  // What the cache holds: keys of these tokens, each rotated with its base.
  std::vector<TokenId> cached;
  std::vector<float> bases;
  float prefill_base = 0;  // of the turn under way

  explicit State(std::shared_ptr<const engine::LoadedModel> m)
      : model(std::move(m)),
        backend(
            engine::make_backend(model->backend, model->model_info.threads, model->activations)),
        cache(models::kv_layout(model->spec, model->kv_type)) {}

  size_t vocabulary() const { return model->spec.vocabulary; }

  void check_ids(std::span<const TokenId> ids) const {
    if (ids.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "the prompt is empty: expected at least one token.");
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || static_cast<size_t>(ids[i]) >= vocabulary()) {
        throw Error(ErrorCode::kInvalidArgument,
                    "token " + std::to_string(i) + " of the prompt is " + std::to_string(ids[i]) +
                        ", expected 0 to " + std::to_string(vocabulary() - 1) + ".");
      }
    }
  }

  // Begins a turn: keeps of the cache what a prefill of `ids` would compute again, bit for bit;
  // returns its length. At least one token is left to compute: its scores are needed.
  size_t reuse(std::span<const TokenId> ids) {
    prefill_base = models::prefill_rope_base(model->spec, ids.size());
    const size_t most = std::min(cached.size(), ids.size() - 1);
    size_t same = 0;
    while (same < most && cached[same] == ids[same] && bases[same] == prefill_base) ++same;
    keep(same);
    return same;
  }

  void keep(size_t n) {
    cached.resize(n);
    bases.resize(n);
  }

  // Runs `ids` at the positions after what is cached. Their last hidden states stand in
  // work.hidden.
  void forward(std::span<const TokenId> ids) {
    const size_t start = cached.size(), end = start + ids.size();
    cache.reserve(end);
    const float base = models::forward_rope_base(model->spec, prefill_base, end);
    const models::SequenceInput input{ids, start, cache.blocks(), base};
    models::decoder_forward(*backend, model->spec, model->weights, cache.layout(), {&input, 1},
                            work);
    cached.insert(cached.end(), ids.begin(), ids.end());
    bases.resize(end, base);
  }

  void scores(size_t first, size_t n, float* logits) {
    models::decoder_logits(*backend, model->spec, model->weights, first, n, work, logits);
  }

  // Prefills the rest of the prompt after what is cached; scores of its last token. False:
  // cancelled.
  bool prefill(const Request& request, std::vector<float>& logits) {
    const std::span<const TokenId> prompt = request.prompt;
    while (cached.size() < prompt.size()) {
      const size_t n = std::min(engine::kPromptChunk, prompt.size() - cached.size());
      forward(prompt.subspan(cached.size(), n));
      if (request.on_prompt && !request.on_prompt(cached.size(), prompt.size())) return false;
      if (cached.size() == prompt.size()) scores(n - 1, 1, logits.data());
    }
    return true;
  }

  void check_context(size_t prompt, size_t reply) const {
    const size_t context = model->model_info.context;
    if (prompt + reply <= context) return;
    throw Error(ErrorCode::kInvalidArgument,
                "prompt " + std::to_string(prompt) + " + max_new_tokens " + std::to_string(reply) +
                    " > context " + std::to_string(context) + ". Raise --ctx (the model takes " +
                    std::to_string(model->model_info.max_context) +
                    "), shorten the prompt or lower --max-new-tokens.");
  }

  // Replies of a model without a tokenizer are ids alone; a stop text cannot be found in them.
  const Tokenizer& text_of(const GenerationConfig& config) const {
    static const engine::IdsOnly kIdsOnly;
    if (!model->model_tokenizer && config.stop.empty()) return kIdsOnly;
    return model->tokenizer();
  }

  FinishReason generate(const Request& request, size_t limit, uint64_t seed,
                        std::vector<float>& logits, engine::Reply& reply);
};

FinishReason Engine::State::generate(const Request& request, size_t limit, uint64_t seed,
                                     std::vector<float>& logits, engine::Reply& reply) {
  using ReplyState = engine::Reply::State;
  const GenerationConfig& config = request.generation;
  engine::Sampler sampler(config, vocabulary(), request.prompt, seed);
  const size_t least = engine::least_reply(config, request.prompt.size());
  for (size_t i = 0; i < limit; ++i) {
    const std::span<const TokenId> forbidden =
        i < least ? std::span<const TokenId>(config.eos_ids) : std::span<const TokenId>();
    const TokenId id = sampler.next(logits, forbidden);
    const ReplyState state = reply.add(id);
    if (state == ReplyState::kStopped) return FinishReason::kStop;
    if (state == ReplyState::kCancelled) return FinishReason::kCancelled;
    if (i + 1 == limit) break;
    forward({&id, 1});
    scores(0, 1, logits.data());
  }
  return reply.finish() == ReplyState::kCancelled ? FinishReason::kCancelled
                                                  : FinishReason::kLength;
}

Engine::Engine(std::shared_ptr<const Model> model) {
  auto loaded = std::dynamic_pointer_cast<const engine::LoadedModel>(model);
  if (!loaded) {
    throw Error(ErrorCode::kInvalidArgument, "Engine: expected a model made by Model::load.");
  }
  state_ = std::make_unique<State>(std::move(loaded));
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

const Model& Engine::model() const {
  return *state_->model;
}

Completion Engine::run(const Request& request) {
  State& s = *state_;
  const GenerationConfig& config = request.generation;
  config.check();
  s.check_ids(request.prompt);
  const size_t limit = engine::reply_limit(config, request.prompt.size());
  s.check_context(request.prompt.size(), limit);

  const Tokenizer& tokenizer = s.text_of(config);

  Completion done;
  done.prompt_tokens = request.prompt.size();
  done.seed = config.seed ? *config.seed : engine::fresh_seed();
  const auto start = Clock::now();
  done.reused_tokens = s.reuse(request.prompt);
  std::vector<float> logits(s.vocabulary());
  if (!s.prefill(request, logits)) {
    done.finish = FinishReason::kCancelled;
    return done;
  }
  done.prompt_seconds = seconds_since(start);
  const auto first = Clock::now();
  engine::Reply reply(config, tokenizer, request.on_token);
  done.finish = s.generate(request, limit, done.seed, logits, reply);
  done.generation_seconds = seconds_since(first);
  done.ids = reply.ids();
  done.text = reply.text();
  return done;
}

void Engine::logits(std::span<const TokenId> ids, size_t steps,
                    const std::function<void(std::span<const float>)>& row) {
  State& s = *state_;
  s.check_ids(ids);
  s.check_context(ids.size(), 0);
  if (steps >= ids.size()) {
    throw Error(ErrorCode::kInvalidArgument, std::to_string(steps) + " steps of " +
                                                 std::to_string(ids.size()) +
                                                 " ids leave no prefill: expected fewer.");
  }
  s.keep(0);
  s.prefill_base = models::prefill_rope_base(s.model->spec, ids.size() - steps);
  std::vector<float> logits(s.vocabulary());
  while (s.cached.size() < ids.size()) {
    const size_t prefill_left = ids.size() - steps - std::min(s.cached.size(), ids.size() - steps);
    const size_t n = prefill_left > 0 ? std::min(engine::kPromptChunk, prefill_left) : 1;
    s.forward(ids.subspan(s.cached.size(), n));
    for (size_t i = 0; i < n; ++i) {
      s.scores(i, 1, logits.data());
      row(logits);
    }
  }
}

std::vector<float> Engine::logits(std::span<const TokenId> ids, size_t steps) {
  std::vector<float> all;
  logits(ids, steps,
         [&](std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); });
  return all;
}

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "";
}

}  // namespace heng
