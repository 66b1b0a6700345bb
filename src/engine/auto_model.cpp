#include "heng/auto_model.h"

#include <algorithm>
#include <array>

#include "checkpoint/checkpoint.h"
#include "engine/loras.h"
#include "text/chat_formats.h"

namespace heng {
namespace {

std::vector<Message> messages_of(std::string_view system, const History& history,
                                 std::string_view query) {
  std::vector<Message> messages;
  if (!system.empty()) messages.push_back({"system", std::string(system)});
  for (const auto& [question, answer] : history) {
    messages.push_back({"user", question});
    messages.push_back({"assistant", answer});
  }
  messages.push_back({"user", std::string(query)});
  return messages;
}

// Takes the oldest question and answer out; false where there is none.
bool drop_oldest_turn(std::vector<Message>& messages) {
  const size_t first = !messages.empty() && messages.front().role == "system" ? 1 : 0;
  if (messages.size() < first + 3) return false;
  messages.erase(messages.begin() + first, messages.begin() + first + 2);
  return true;
}

// Python's str.isspace() characters, in UTF-8.
constexpr std::array<std::string_view, 29> kSpaces = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\x1c",   "\x1d",
    "\x1e",   "\x1f",   "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",
    "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
    "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

}  // namespace

std::string_view strip(std::string_view text) {
  const auto strip_one = [&] {
    for (const std::string_view space : kSpaces) {
      if (text.starts_with(space)) return text.remove_prefix(space.size()), true;
      if (text.ends_with(space)) return text.remove_suffix(space.size()), true;
    }
    return false;
  };
  while (strip_one()) {
  }
  return text;
}

ChatRequest chat_request(const ChatFormat& format, const Tokenizer& tokenizer,
                         std::span<const Message> messages, const GenerationConfig& generation,
                         size_t context) {
  PromptOptions options;
  if (generation.max_window_size > 0) {
    options.max_window_tokens = static_cast<size_t>(generation.max_window_size);
  }
  std::vector<Message> kept(messages.begin(), messages.end());
  Prompt prompt = format.build(tokenizer, kept, options);
  // A quarter of the context is kept for the reply where it may ask for more.
  const size_t wanted = std::min<size_t>(generation.max_new_tokens, context / 4);
  size_t dropped = 0;
  while (prompt.ids.size() + wanted > context && drop_oldest_turn(kept)) {
    ++dropped;
    prompt = format.build(tokenizer, kept, options);
  }
  ChatRequest result{{}, dropped + prompt.dropped_turns};
  result.request.generation = generation;
  std::vector<TokenId>& ends = result.request.generation.eos_ids;
  for (const TokenId id : format.stop_ids(tokenizer)) {
    if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
  }
  if (prompt.ids.size() < context) {
    const auto left = static_cast<int64_t>(context - prompt.ids.size());
    result.request.generation.max_new_tokens = std::min(generation.max_new_tokens, left);
  }
  result.request.prompt = std::move(prompt.ids);
  return result;
}

std::shared_ptr<const Tokenizer> AutoTokenizer::from_pretrained(const std::string& name_or_path,
                                                                const LoraFolders& loras) {
  const auto model = resolve_model(name_or_path);
  const auto adapters = engine::open_loras(loras);
  return Tokenizer::load(engine::tokenizer_folder(adapters).value_or(model));
}

std::shared_ptr<const ChatFormat> AutoChatFormat::from_pretrained(const std::string& name_or_path) {
  const auto files = checkpoint::Checkpoint::open(resolve_model(name_or_path));
  if (auto format = text::detect_chat_format(*files)) return format;
  std::string names;
  for (const std::string_view name : chat_format_names()) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  throw Error(ErrorCode::kUnsupported, files->path().filename().string() +
                                           ": its files name no chat format that is known here. "
                                           "Choose one with --template: " +
                                           names + ".");
}

AutoModelForCausalLM AutoModelForCausalLM::from_pretrained(const std::string& name_or_path,
                                                           const LoadOptions& options) {
  return AutoModelForCausalLM(Model::load(resolve_model(name_or_path), options));
}

AutoModelForCausalLM::AutoModelForCausalLM(std::shared_ptr<const Model> model)
    : generation_config(model->generation_config()), engine_(std::move(model)) {}

ChatReply AutoModelForCausalLM::chat(const Tokenizer& tokenizer, std::string_view query,
                                     const History& history, std::string_view system) {
  return chat_stream(tokenizer, query, history, {}, system);
}

ChatReply AutoModelForCausalLM::chat_stream(
    const Tokenizer& tokenizer, std::string_view query, const History& history,
    const std::function<bool(std::string_view text)>& on_text, std::string_view system) {
  if (tokenizer.size() != model().tokenizer().size()) {
    throw Error(ErrorCode::kInvalidArgument,
                "the tokenizer has " + std::to_string(tokenizer.size()) +
                    " tokens, the model's own has " + std::to_string(model().tokenizer().size()) +
                    ". Load the tokenizer of the same checkpoint.");
  }
  generation_config.check();
  ChatRequest chat =
      chat_request(model().chat_format(), tokenizer, messages_of(system, history, query),
                   generation_config, model().info().context);
  if (on_text) {
    chat.request.on_token = [&](const TokenEvent& event) {
      return event.text.empty() || on_text(event.text);
    };
  }
  const Completion completion = engine_.run(chat.request);
  ChatReply reply{std::string(strip(completion.text)), history};
  reply.history.emplace_back(query, reply.response);
  return reply;
}

}  // namespace heng
