#include "text/chatml.h"

#include <algorithm>

#include "text/hermes_prompt.h"
#include "text/marked_encoding.h"
#include "text/message_rules.h"
#include "text/prompt_writer.h"
#include "text/react.h"

namespace heng::text {
namespace {

constexpr std::string_view kStart = "<|im_start|>";
constexpr std::string_view kEnd = "<|im_end|>";
constexpr std::string_view kThink = "<think>";
constexpr std::string_view kThinkEnd = "</think>";

std::string_view strip_left(std::string_view text, char c) {
  const size_t start = text.find_first_not_of(c);
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

std::string_view strip_right(std::string_view text, char c) {
  return text.substr(0, text.find_last_not_of(c) + 1);
}

// A past reply, parted where the model thinks. Source: Qwen3's chat_template.
struct ThoughtReply {
  std::string_view thought, answer;

  ThoughtReply(std::string_view content, bool thinks) : answer(content) {
    const size_t first = content.find(kThinkEnd);
    if (!thinks || first == std::string_view::npos) return;
    answer = strip_left(content.substr(content.rfind(kThinkEnd) + kThinkEnd.size()), '\n');
    thought = strip_right(content.substr(0, first), '\n');
    const size_t open = thought.rfind(kThink);
    if (open != std::string_view::npos) thought.remove_prefix(open + kThink.size());
    thought = strip_left(thought, '\n');
  }
};

// A user's message that hands over a tool's result instead of asking.
bool is_tool_result(const Message& message) {
  return message.content.starts_with("<tool_response>") &&
         message.content.ends_with("</tool_response>");
}

bool is_result(const Message& message) {
  return message.role == "tool" || message.role == "function";
}

bool speaks_of_tools(std::span<const Message> messages, std::span<const Tool> tools) {
  return !tools.empty() || std::any_of(messages.begin(), messages.end(), [](const Message& m) {
    return is_result(m) || !m.tool_calls.empty();
  });
}

// Writes blocks with one tokenizer.
class Writer {
 public:
  Writer(const Tokenizer& tokenizer, const ChatMlStyle& style)
      : tokenizer_(tokenizer), style_(style) {
    check_has(kStart);
    check_has(kEnd);
  }

  Piece line_break() const {
    PromptWriter out = writer();
    out.plain("\n");
    return out.take();
  }

  Piece block(std::string_view role, std::string_view content) const {
    PromptWriter out = writer();
    open(role, content, out);
    out.special(kEnd);
    return out.take();
  }

  // A block whose text was put together elsewhere.
  Piece marked_block(const jinja::Text& body) const {
    jinja::Text text{std::string(kStart)};
    text.append(body);
    text.append(kEnd);
    return {encode_marked(tokenizer_, text), text.bytes()};
  }

  // An answer that the reply goes on with.
  Piece open_block(std::string_view content) const {
    PromptWriter out = writer();
    open("assistant", content, out);
    return out.take();
  }

  Piece calling_block(const ThoughtReply& reply, bool keeps_thought,
                      std::span<const ToolCall> calls) const {
    jinja::Text body("assistant\n");
    std::string_view answer = reply.answer;
    if (keeps_thought) {
      body.append("<think>\n");
      body.append(replace_invalid_utf8(reply.thought), true);
      body.append("\n</think>\n\n");
      answer = strip_left(answer, '\n');
    }
    body.append(replace_invalid_utf8(answer), true);
    append_hermes_calls(calls, !reply.answer.empty(), body);
    return marked_block(body);
  }

  // The reply with its thought, as it stands after the last question.
  Piece thinking_block(const ThoughtReply& reply) const {
    PromptWriter out = writer();
    open("assistant", "", out);
    out.special(kThink);
    out.plain("\n" + std::string(reply.thought) + "\n");
    out.special(kThinkEnd);
    out.plain("\n\n" + std::string(strip_left(reply.answer, '\n')));
    out.special(kEnd);
    return out.take();
  }

  // What the reply is written behind.
  Piece reply_head(bool think) const {
    PromptWriter out = writer();
    open("assistant", "", out);
    if (style_.thinks && !think) {
      out.special(kThink);
      out.plain("\n\n");
      out.special(kThinkEnd);
      out.plain("\n\n");
    }
    return out.take();
  }

 private:
  PromptWriter writer() const { return PromptWriter(tokenizer_, style_.name); }
  void check_has(std::string_view name) const { writer().special(name); }

  void open(std::string_view role, std::string_view content, PromptWriter& out) const {
    out.special(kStart);
    if (style_.encoding == ChatMlStyle::Encoding::kWhole) {
      out.plain(std::string(role).append("\n").append(content));
    } else {
      for (const std::string_view part : {role, std::string_view("\n"), content}) out.plain(part);
    }
  }

  const Tokenizer& tokenizer_;
  const ChatMlStyle& style_;
};

// Pieces with a line break between each two.
class Lines {
 public:
  explicit Lines(Piece line_break) : line_break_(std::move(line_break)) {}

  void add(const Piece& piece) {
    if (!all_.ids.empty()) all_.add(line_break_);
    all_.add(piece);
  }
  // Ids that a further piece takes with its line break.
  size_t cost(const Piece& piece) const { return line_break_.ids.size() + piece.ids.size(); }
  Piece& all() { return all_; }

 private:
  const Piece line_break_;
  Piece all_;
};

class ChatMl final : public ChatFormat {
 public:
  explicit ChatMl(ChatMlStyle style) : style_(std::move(style)) {}

  std::string_view name() const override { return style_.name; }
  std::string_view default_system() const override { return style_.default_system; }
  bool thinks() const override { return style_.thinks; }
  ToolSyntax tool_syntax() const override { return style_.tools; }

  Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
               const PromptOptions& options) const override {
    if (style_.tools != ToolSyntax::kReact || !speaks_of_tools(messages, options.tools)) {
      return build(tokenizer, messages, options.tools, false, options);
    }
    const ReactDialog dialog = react_dialog(messages, options.tools, style_.name);
    return build(tokenizer, dialog.messages, {}, dialog.goes_on, options);
  }

  std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const override {
    std::vector<TokenId> ids;
    for (const std::string_view name : style_.stop_names) {
      if (const auto id = tokenizer.special_id(name)) ids.push_back(*id);
    }
    return ids;
  }

 private:
  // `goes_on`: the reply continues the last message, an assistant's.
  Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
               std::span<const Tool> tools, bool goes_on, const PromptOptions& options) const {
    check_messages(messages.first(messages.size() - goes_on), tools,
                   {.format = style_.name,
                    .system = true,
                    .in_turn = style_.order == ChatMlStyle::Order::kPairs,
                    .input = false,
                    .tools = style_.tools == ToolSyntax::kHermes});
    const Writer writer(tokenizer, style_);
    Lines prompt(writer.line_break());
    add_system(writer, messages, tools, prompt);
    if (messages.front().role == "system") messages = messages.subspan(1);
    std::vector<std::span<const Message>> turns = split_turns(messages);
    const std::span<const Message> query = turns.back();
    turns.pop_back();
    const Message* asked = last_question(messages);

    // Newest first, as long as system and kept turns stay under the window; the query does not
    // count.
    std::vector<std::vector<Piece>> kept;
    size_t size = prompt.all().ids.size();
    for (size_t i = turns.size(); i-- > 0;) {
      std::vector<Piece> turn = blocks(writer, turns[i], asked);
      for (const Piece& piece : turn) size += prompt.cost(piece);
      if (options.max_window_tokens && size >= *options.max_window_tokens) break;
      kept.push_back(std::move(turn));
    }
    const size_t dropped = turns.size() - kept.size();
    kept.insert(kept.begin(), blocks(writer, query.first(query.size() - goes_on), asked));
    for (size_t i = kept.size(); i-- > 0;) {
      for (const Piece& piece : kept[i]) prompt.add(piece);
    }
    prompt.add(goes_on ? writer.open_block(query.back().content)
                       : writer.reply_head(options.think));
    return {std::move(prompt.all().ids), std::move(prompt.all().text), dropped};
  }

  void add_system(const Writer& writer, std::span<const Message> messages,
                  std::span<const Tool> tools, Lines& prompt) const {
    const bool given = messages.front().role == "system";
    const std::string_view system = given ? messages.front().content : style_.default_system;
    const bool has_system = given || !system.empty();
    if (!tools.empty()) {
      prompt.add(writer.marked_block(
          hermes_system(has_system ? std::optional(system) : std::nullopt, tools)));
    } else if (has_system) {
      prompt.add(writer.block("system", system));
    }
  }

  // The last message in which a user asks something; nullptr where none does.
  static const Message* last_question(std::span<const Message> messages) {
    for (size_t i = messages.size(); i-- > 0;) {
      if (messages[i].role == "user" && !is_tool_result(messages[i])) return &messages[i];
    }
    return nullptr;
  }

  std::vector<Piece> blocks(const Writer& writer, std::span<const Message> messages,
                            const Message* asked) const {
    std::vector<Piece> pieces;
    for (size_t i = 0; i < messages.size();) {
      const Message& message = messages[i];
      size_t n = 1;
      if (is_result(message)) {
        while (i + n < messages.size() && is_result(messages[i + n])) ++n;
        pieces.push_back(writer.marked_block(hermes_results(messages.subspan(i, n))));
      } else if (message.role == "assistant") {
        pieces.push_back(said(writer, message, asked && &message > asked));
      } else {
        pieces.push_back(writer.block(message.role, message.content));
      }
      i += n;
    }
    return pieces;
  }

  // What an assistant said. `is_recent`: behind the last question.
  Piece said(const Writer& writer, const Message& message, bool is_recent) const {
    const ThoughtReply reply(message.content, style_.thinks);
    const bool keeps = is_recent && !reply.thought.empty();
    if (!message.tool_calls.empty()) return writer.calling_block(reply, keeps, message.tool_calls);
    return keeps ? writer.thinking_block(reply) : writer.block("assistant", reply.answer);
  }

  // A turn begins with each user message; what an assistant says before the first belongs to that
  // turn.
  static std::vector<std::span<const Message>> split_turns(std::span<const Message> messages) {
    std::vector<std::span<const Message>> turns;
    size_t begin = 0;
    bool has_user = false;
    for (size_t i = 0; i < messages.size(); ++i) {
      const bool user = messages[i].role == "user";
      if (user && has_user) {
        turns.push_back(messages.subspan(begin, i - begin));
        begin = i;
      }
      has_user = has_user || user;
    }
    turns.push_back(messages.subspan(begin));
    return turns;
  }

  const ChatMlStyle style_;
};

}  // namespace

std::shared_ptr<const ChatFormat> make_chatml(ChatMlStyle style) {
  return std::make_shared<ChatMl>(std::move(style));
}

}  // namespace heng::text
