#include "text/chat_jinja.h"

#include <algorithm>

#include "heng/error.h"
#include "text/jinja.h"
#include "text/marked_encoding.h"
#include "text/message_rules.h"

namespace heng::text {
namespace {

using jinja::Text;
using jinja::Value;

constexpr std::string_view kName = "jinja";
constexpr std::string_view kEnableThinking = "enable_thinking";

Value name_of(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  if (!id) return Value::undefined("a token that the tokenizer does not have");
  return Text(replace_invalid_utf8(tokenizer.token_bytes(*id)));
}

// Roles were checked: they are the template's own words. Contents are not.
Value list_of(jinja::Run& run, std::span<const Message> messages) {
  std::vector<Value> all;
  for (const Message& message : messages) {
    all.push_back(jinja::make_dict(
        run,
        {{Value::literal("role"), Value::literal(message.role)},
         {Value::literal("content"), Text::of_message(replace_invalid_utf8(message.content))}}));
  }
  return jinja::make_list(run, std::move(all));
}

class JinjaChat final : public ChatFormat {
 public:
  explicit JinjaChat(const ChatFiles& files)
      : template_(files.chat_template, "chat_template"), end_token_(files.end_token) {}

  std::string_view name() const override { return kName; }
  std::string_view default_system() const override { return ""; }
  bool thinks() const override {
    return template_.source().find(kEnableThinking) != std::string::npos;
  }

  Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
               const PromptOptions& options) const override {
    check_messages(messages, {.format = kName, .in_turn = false});
    std::vector<Message> kept(messages.begin(), messages.end());
    size_t dropped = 0;
    while (true) {
      const Text text = render(tokenizer, kept, options.think, true);
      std::vector<TokenId> ids = encode_marked(tokenizer, text);
      const bool fits = !options.max_window_tokens || ids.size() < *options.max_window_tokens;
      if (fits || !drop_oldest_turn(kept)) return {std::move(ids), text.bytes(), dropped};
      ++dropped;
    }
  }

  // The end token of the files, and the one that the template puts behind an answer.
  std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const override {
    std::vector<TokenId> ids;
    const auto add = [&](std::optional<TokenId> id) {
      if (id && std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
    };
    add(tokenizer.special_id(end_token_));
    add(tokenizer.eos_id());
    add(answer_end(tokenizer));
    return ids;
  }

 private:
  Text render(const Tokenizer& tokenizer, std::span<const Message> messages, bool think,
              bool add_generation_prompt) const {
    jinja::Limits limits;
    for (const Message& message : messages) {
      limits.steps += 100 + message.content.size();
      limits.output_bytes += 2 * message.content.size();
    }
    jinja::Run run(template_.source(), kName, limits);
    const auto end = tokenizer.special_id(end_token_);
    jinja::Variables variables = {
        {"messages", list_of(run, messages)},
        {"add_generation_prompt", add_generation_prompt},
        {"bos_token", name_of(tokenizer, tokenizer.bos_id())},
        {"eos_token", name_of(tokenizer, end ? end : tokenizer.eos_id())},
        {"tools", jinja::None()},
        {"documents", jinja::None()},
    };
    // Upstream leaves it undefined unless it is asked for.
    if (!think) variables.emplace_back(kEnableThinking, false);
    return template_.render(variables, limits);
  }

  std::optional<TokenId> answer_end(const Tokenizer& tokenizer) const {
    const std::vector<Message> probe = {{"user", "q"}, {"assistant", "a"}, {"user", "q"}};
    try {
      const Text text = render(tokenizer, probe, true, false);
      size_t at = 0;
      for (int run = 0; run < 2; ++run) {  // behind the second message's content
        while (at < text.size() && !text.is_from_message(at)) ++at;
        while (at < text.size() && text.is_from_message(at)) ++at;
      }
      while (at < text.size() &&
             std::string_view(" \n").find(text.bytes()[at]) != std::string_view::npos) {
        ++at;
      }
      return named_token_at(tokenizer, text, at);
    } catch (const Error&) {
      return std::nullopt;  // a template that takes no such conversation tells nothing
    }
  }

  static bool drop_oldest_turn(std::vector<Message>& messages) {
    const auto is_user = [](const Message& message) { return message.role == "user"; };
    const auto first = std::find_if(messages.begin(), messages.end(), is_user);
    if (first == messages.end()) return false;
    const auto next = std::find_if(first + 1, messages.end(), is_user);
    if (next == messages.end()) return false;
    messages.erase(first, next);
    return true;
  }

  const jinja::Template template_;
  const std::string end_token_;
};

}  // namespace

std::shared_ptr<const ChatFormat> make_jinja_chat(const ChatFiles& files) {
  if (files.chat_template.empty()) {
    throw Error(ErrorCode::kNotFound, files.path.string() +
                                          ": its files have no chat_template to be used as jinja. "
                                          "Choose a format by name with --template.");
  }
  return std::make_shared<JinjaChat>(files);
}

// Base models of Qwen have a template, but their texts end with <|endoftext|>, which it does not
// write.
bool has_chat_template(const ChatFiles& files) {
  const auto has = [&](std::string_view text) {
    return files.chat_template.find(text) != std::string::npos;
  };
  const bool base = files.end_token == "<|endoftext|>" && has("<|im_start|>") &&
                    !has("<|endoftext|>") && !has("eos_token");
  return !files.chat_template.empty() && !base;
}

}  // namespace heng::text
