#include "heng/auto_model.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"
#include "engine/loras.h"
#include "text/chat_formats.h"
#include "text/chat_jinja.h"

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
  const auto is_user = [](const Message& message) { return message.role == "user"; };
  const auto first = std::find_if(messages.begin(), messages.end(), is_user);
  if (first == messages.end()) return false;
  const auto next = std::find_if(first + 1, messages.end(), is_user);
  if (next == messages.end()) return false;
  messages.erase(first, next);
  return true;
}

}  // namespace

ChatRequest chat_request(const ChatFormat& format, const Tokenizer& tokenizer,
                         std::span<const Message> messages, const GenerationConfig& generation,
                         size_t context, PromptOptions options) {
  if (!options.max_window_tokens && generation.max_window_size > 0) {
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
  std::vector<std::string>& stop = result.request.generation.stop;
  for (std::string& text : format.stop_texts()) stop.push_back(std::move(text));
  if (!options.tools.empty()) {
    for (std::string& text : tool_stop_texts(format.tool_syntax())) stop.push_back(std::move(text));
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

std::shared_ptr<const ChatFormat> AutoChatFormat::from_pretrained(const std::string& name_or_path,
                                                                  std::string_view format,
                                                                  const LoraFolders& loras) {
  if (!format.empty() && format != "jinja") return chat_format_by_name(format);
  const auto path = resolve_model(name_or_path);
  text::ChatFiles files = text::read_chat_files(path);
  if (!format.empty()) return text::make_jinja_chat(files);
  if (!loras.empty()) {
    LoadOptions options;
    options.loras = loras;
    const int64_t vocabulary = Model::inspect(path, options).vocabulary;
    files = engine::with_loras(std::move(files), engine::open_loras(loras), vocabulary);
  }
  if (auto detected = text::detect_chat_format(files)) return detected;
  throw Error(
      ErrorCode::kUnsupported,
      text::no_chat_format(std::filesystem::path(path / "").parent_path().filename().string()));
}

std::string AutoChatFormat::template_of(const std::string& name_or_path) {
  return text::read_chat_files(resolve_model(name_or_path)).chat_template;
}

AutoModelForCausalLM AutoModelForCausalLM::from_pretrained(const std::string& name_or_path,
                                                           const LoadOptions& options) {
  return AutoModelForCausalLM(Model::load(resolve_model(name_or_path), options));
}

AutoModelForCausalLM::AutoModelForCausalLM(std::shared_ptr<const Model> model)
    : generation_config(model->generation_config()), engine_(std::move(model)) {
  if (this->model().has_chat_format()) this->model().chat_format().set_defaults(generation_config);
}

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
  const ChatFormat& format = model().chat_format();
  ChatRequest chat = chat_request(format, tokenizer, messages_of(system, history, query),
                                  generation_config, model().info().context, {.think = think});
  ReplyStream stream(format, tokenizer);
  const auto show = [&](const std::string& text) {
    return text.empty() || !on_text || on_text(text);
  };
  chat.request.on_token = [&](const TokenEvent& event) {
    return show(stream.push(event.id, event.text).answer);
  };
  const Completion completion = engine_.run(chat.request);
  const std::string rest = stream.finish().answer;
  if (completion.finish != FinishReason::kCancelled) show(rest);
  thought_ = stream.thought();
  ChatReply reply{stream.answer(), history};
  reply.second.emplace_back(query, reply.first);
  return reply;
}

}  // namespace heng
