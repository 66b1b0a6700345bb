#include "text/chat_jinja.h"

#include <algorithm>
#include <charconv>

#include "base/ordered_json.h"
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
constexpr JsonLimits kJsonLimits{.max_bytes = 4u << 20, .max_depth = 64};

Value name_of(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  if (!id) return Value::undefined("a token that the tokenizer does not have");
  return Text(replace_invalid_utf8(tokenizer.token_bytes(*id)));
}

Value text_of(const std::string& bytes) {
  return Text::of_message(replace_invalid_utf8(bytes));
}

// Integers that no machine word holds cannot be a template's.
Value number_of(jinja::Run& run, const OrderedJson& json) {
  const char* end = json.text.data() + json.text.size();
  int64_t integer = 0;
  double number = 0;
  if (json.is(OrderedJson::Kind::kInteger)) {
    if (std::from_chars(json.text.data(), end, integer).ec == std::errc()) return integer;
    run.refuse("the integer " + json.text);
  }
  std::from_chars(json.text.data(), end, number);
  return number;
}

// JSON that others wrote, as the template's values.
Value value_of(jinja::Run& run, const OrderedJson& json) {
  using Kind = OrderedJson::Kind;
  switch (json.kind) {
    case Kind::kNull:
      return jinja::None();
    case Kind::kBool:
      return json.boolean;
    case Kind::kInteger:
    case Kind::kFloat:
      return number_of(run, json);
    case Kind::kString:
      return text_of(json.text);
    case Kind::kArray: {
      std::vector<Value> items;
      for (const OrderedJson& item : json.items) items.push_back(value_of(run, item));
      return jinja::make_list(run, std::move(items));
    }
    case Kind::kObject:
      break;
  }
  std::vector<std::pair<Value, Value>> members;
  for (const auto& [key, value] : json.members) {
    members.emplace_back(text_of(key), value_of(run, value));
  }
  return jinja::make_dict(run, std::move(members));
}

// Arguments that are JSON are what they say, as transformers wants them; others are their text.
Value arguments_of(jinja::Run& run, const std::string& arguments) {
  try {
    return value_of(run, parse_ordered_json(arguments, "arguments", kJsonLimits));
  } catch (const Error&) {
    return text_of(arguments);
  }
}

Value calls_of(jinja::Run& run, const std::vector<ToolCall>& calls) {
  std::vector<Value> all;
  for (const ToolCall& call : calls) {
    const Value function =
        jinja::make_dict(run, {{Value::literal("name"), text_of(call.name)},
                               {Value::literal("arguments"), arguments_of(run, call.arguments)}});
    all.push_back(jinja::make_dict(run, {{Value::literal("id"), text_of(call.id)},
                                         {Value::literal("type"), Value::literal("function")},
                                         {Value::literal("function"), function}}));
  }
  return jinja::make_list(run, std::move(all));
}

// Roles were checked: they are the template's own words. Contents are not.
Value list_of(jinja::Run& run, std::span<const Message> messages) {
  std::vector<Value> all;
  for (const Message& message : messages) {
    std::vector<std::pair<Value, Value>> members = {
        {Value::literal("role"), Value::literal(message.role)},
        {Value::literal("content"), text_of(message.content)}};
    const auto add = [&](std::string_view key, Value value) {
      members.emplace_back(Value::literal(key), std::move(value));
    };
    if (!message.tool_calls.empty()) add("tool_calls", calls_of(run, message.tool_calls));
    if (!message.tool_call_id.empty()) add("tool_call_id", text_of(message.tool_call_id));
    if (!message.name.empty()) add("name", text_of(message.name));
    all.push_back(jinja::make_dict(run, std::move(members)));
  }
  return jinja::make_list(run, std::move(all));
}

Value tools_of(jinja::Run& run, std::span<const Tool> tools) {
  if (tools.empty()) return jinja::None();
  std::vector<Value> all;
  for (const Tool& tool : tools) {
    all.push_back(value_of(run, parse_ordered_json(tool.json, "tools", kJsonLimits)));
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

  // Templates say in words how calls are to be written; read are those in <tool_call> tags.
  ToolSyntax tool_syntax() const override {
    const auto has = [&](std::string_view word) {
      return template_.source().find(word) != std::string::npos;
    };
    const bool tags = has("<tool_call>") && has("</tool_call>") && has("\"arguments\"");
    return tags && has("tools") ? ToolSyntax::kHermes : ToolSyntax::kNone;
  }

  Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
               const PromptOptions& options) const override {
    const bool tools = tool_syntax() != ToolSyntax::kNone;
    check_messages(messages, options.tools, {.format = kName, .in_turn = false, .tools = tools});
    std::vector<Message> kept(messages.begin(), messages.end());
    size_t dropped = 0;
    while (true) {
      const Text text = render(tokenizer, kept, options, true);
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
  Text render(const Tokenizer& tokenizer, std::span<const Message> messages,
              const PromptOptions& options, bool add_generation_prompt) const {
    jinja::Limits limits;
    const auto allow = [&](size_t bytes) {
      limits.steps += 100 + bytes;
      limits.output_bytes += 2 * bytes;
    };
    for (const Message& message : messages) {
      allow(message.content.size());
      for (const ToolCall& call : message.tool_calls) allow(call.arguments.size());
    }
    for (const Tool& tool : options.tools) allow(tool.json.size());
    jinja::Run run(template_.source(), kName, limits);
    const auto end = tokenizer.special_id(end_token_);
    jinja::Variables variables = {
        {"messages", list_of(run, messages)},
        {"add_generation_prompt", add_generation_prompt},
        {"bos_token", name_of(tokenizer, tokenizer.bos_id())},
        {"eos_token", name_of(tokenizer, end ? end : tokenizer.eos_id())},
        {"tools", tools_of(run, options.tools)},
        {"documents", jinja::None()},
    };
    // Upstream leaves it undefined unless it is asked for.
    if (!options.think) variables.emplace_back(kEnableThinking, false);
    return template_.render(variables, limits);
  }

  std::optional<TokenId> answer_end(const Tokenizer& tokenizer) const {
    const std::vector<Message> probe = {{"user", "q"}, {"assistant", "a"}, {"user", "q"}};
    try {
      const Text text = render(tokenizer, probe, {}, false);
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
