#include "engine/request_check.h"

#include <algorithm>

#include "engine/ids_only.h"
#include "engine/stop_rules.h"

namespace heng::engine {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorCode::kInvalidArgument, text);
}

}  // namespace

void check_ids(std::span<const TokenId> ids, const LoadedModel& model) {
  if (ids.empty()) refuse("the prompt is empty: expected at least one token.");
  const size_t vocabulary = model.spec.vocabulary;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || static_cast<size_t>(ids[i]) >= vocabulary) {
      refuse("token " + std::to_string(i) + " of the prompt is " + std::to_string(ids[i]) +
             ", expected 0 to " + std::to_string(vocabulary - 1) + ".");
    }
  }
}

void check_room(size_t prompt, size_t reply, const LoadedModel& model, size_t kv_tokens) {
  std::string asked = "prompt " + std::to_string(prompt);
  std::string shorter = "shorten the prompt.";
  if (reply > 0) {
    asked += " + max_new_tokens " + std::to_string(reply);
    shorter = "shorten the prompt or lower --max-new-tokens.";
  }
  const size_t context = model.model_info.context;
  if (prompt + reply > context) {
    refuse(asked + " > context " + std::to_string(context) + ". Raise --ctx (the model takes " +
           std::to_string(model.model_info.max_context) + "), " + shorter);
  }
  if (prompt + reply > kv_tokens) {
    refuse(asked + " > KV memory for " + std::to_string(kv_tokens) +
           " tokens. Give the engine more kv_tokens, " + shorter);
  }
}

void check_request(const Request& request, const LoadedModel& model, size_t kv_tokens) {
  const GenerationConfig& config = request.generation;
  const size_t n = request.prompt.size();
  config.check();
  check_ids(request.prompt, model);
  const bool replies = request.task == Task::kReply;
  check_room(n, replies ? reply_limit(config, n) : 0, model, kv_tokens);
  if (replies) tokenizer_for(config, model);
  if (request.task == Task::kScore && first_scored(request) >= n) {
    refuse("nothing to score: the prompt has " + std::to_string(n) +
           " tokens, the first of which has no log-probability, and echo_from is " +
           std::to_string(request.echo_from.value_or(0)) + ".");
  }
  for (const auto& [id, bias] : config.logit_bias) {
    if (static_cast<size_t>(id) >= model.spec.vocabulary) {
      refuse("logit_bias names token " + std::to_string(id) + ", expected 0 to " +
             std::to_string(model.spec.vocabulary - 1) + ".");
    }
  }
}

size_t first_scored(const Request& request) {
  const size_t n = request.prompt.size();
  if (request.task == Task::kEmbed) return n;
  if (request.task == Task::kReply && !request.echo_from) return n;
  return std::min(std::max<size_t>(request.echo_from.value_or(0), 1), n);
}

const Tokenizer& tokenizer_for(const GenerationConfig& config, const LoadedModel& model) {
  static const IdsOnly kIdsOnly;
  if (!model.model_tokenizer && config.stop.empty()) return kIdsOnly;
  return model.tokenizer();
}

}  // namespace heng::engine
