#include "eval/engine_answerer.h"

#include <algorithm>
#include <utility>

#include "heng/chat.h"

namespace heng::eval {
namespace {

EngineOptions engine_options(const EngineAnswererOptions& options) {
  EngineOptions engine;
  engine.max_batch = options.together;
  engine.max_queue = options.together * 2;
  return engine;
}

// The token that `choice` is told by; of several the last, as in Qwen's scripts, which score
// tokenizer(" A")["input_ids"] whatever its length.
TokenId choice_id(const Tokenizer& tokenizer, const std::string& choice) {
  const std::vector<TokenId> ids = tokenizer.encode(choice);
  if (ids.empty()) {
    throw Error(ErrorCode::kUnsupported,
                "choice \"" + choice + "\" has no token in this model's vocabulary.");
  }
  return ids.back();
}

}  // namespace

struct EngineAnswerer::Open {
  size_t index = 0;
  Answer answer;
};

EngineAnswerer::EngineAnswerer(std::shared_ptr<const Model> model, EngineAnswererOptions options)
    : model_(model), options_(std::move(options)), engine_(model, engine_options(options_)) {}

nlohmann::json EngineAnswerer::identity() const {
  const ModelInfo& info = model_->info();
  nlohmann::json loras = nlohmann::json::array();
  for (const LoraInfo& lora : info.loras) loras.push_back(lora.name);
  return {
      {"model", info.name},
      {"architecture", info.architecture},
      {"files", options_.fingerprint},
      {"stored_as", info.stored_as},
      {"computed_as", info.computed_as},
      {"activation_bits", info.activation_bits},
      {"kv", info.kv_type},
      {"isa", info.isa},
      {"context", info.context},
      {"loras", loras},
      {"chat_format", is_chat() ? std::string(model_->chat_format().name()) : std::string("none")}};
}

Request EngineAnswerer::make_request(const Query& query, Answer& answer) const {
  const Tokenizer& tokenizer = model_->tokenizer();
  Request request;
  request.generation.max_new_tokens =
      static_cast<int64_t>(std::max<size_t>(query.max_new_tokens, 1));
  request.generation.stop = query.stop;
  request.generation.eos_ids = model_->generation_config().eos_ids;
  request.generation.speculate = query.choices.empty() ? 8 : 0;
  if (query.chat) {
    const ChatFormat& format = model_->chat_format();
    const std::vector<Message> messages = {{"user", query.prompt}};
    request.prompt = format.build(tokenizer, messages, {.think = false}).ids;
    for (const TokenId id : format.stop_ids(tokenizer)) request.generation.eos_ids.push_back(id);
    for (const auto& text : format.stop_texts()) request.generation.stop.push_back(text);
  } else {
    request.prompt = tokenizer.prefix();
    const std::vector<TokenId> ids = tokenizer.encode(query.prompt);
    request.prompt.insert(request.prompt.end(), ids.begin(), ids.end());
  }
  if (query.longest_prompt > 0 && request.prompt.size() > query.longest_prompt) {
    request.prompt.erase(request.prompt.begin(),
                         request.prompt.end() - static_cast<ptrdiff_t>(query.keep_tokens));
    answer.prompt_cut = true;
  }
  if (!query.choices.empty()) {
    request.generation.max_new_tokens = 1;
    request.generation.stop.clear();
  }
  answer.prompt_tokens = request.prompt.size();
  return request;
}

void EngineAnswerer::submit(size_t index, const Query& query) {
  auto open = std::make_shared<Open>();
  open->index = index;
  Request request = make_request(query, open->answer);
  if (!query.choices.empty()) {
    std::vector<TokenId> ids;
    for (const auto& choice : query.choices) ids.push_back(choice_id(model_->tokenizer(), choice));
    request.on_logits = [open, ids](std::span<float> logits, std::span<const TokenId>) {
      open->answer.letters = score_letters(logits, ids);
    };
  }
  request.on_done = [this, open](Completion completion) {
    open->answer.reply_tokens = completion.ids.size();
    open->answer.reply_cut = completion.finish == FinishReason::kLength;
    if (open->answer.letters.probs.empty()) open->answer.text = std::move(completion.text);
    if (completion.error) open->answer.problem = completion.error->what();
    if (completion.finish != FinishReason::kCancelled) ended_.push_back(open);
    open_.erase(completion.id);
  };
  try {
    open_[engine_.submit(std::move(request))] = open;
  } catch (const Error& error) {
    // Wrong with this question alone: its prompt does not fit, say.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    open->answer.problem = error.what();
    ended_.push_back(open);
  }
}

void EngineAnswerer::cancel_open() {
  for (const auto& [id, open] : open_) engine_.cancel(id);
  while (!open_.empty() && engine_.step()) {
  }
  ended_.clear();
}

void EngineAnswerer::answer(std::span<const Query> queries, const OnAnswer& on_answer) {
  size_t next = 0;
  while (next < queries.size() || !open_.empty() || !ended_.empty()) {
    while (next < queries.size() && open_.size() < options_.together) {
      submit(next, queries[next]);
      ++next;
    }
    engine_.step();
    for (const auto& open : std::exchange(ended_, {})) {
      if (on_answer(open->index, std::move(open->answer))) continue;
      cancel_open();
      return;
    }
  }
}

}  // namespace heng::eval
