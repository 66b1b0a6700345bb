#include "text/chatml.h"

#include <optional>

#include "base/message.h"
#include "heng/error.h"

namespace heng::text {
namespace {

constexpr std::string_view kStart = "<|im_start|>";
constexpr std::string_view kEnd = "<|im_end|>";

// Ids and the text they stand for, growing together.
struct Piece {
  std::vector<TokenId> ids;
  std::string text;

  void add(const Piece& other) {
    ids.insert(ids.end(), other.ids.begin(), other.ids.end());
    text += other.text;
  }
};

// Writes blocks with one tokenizer.
class Writer {
 public:
  Writer(const Tokenizer& tokenizer, const ChatMlStyle& style)
      : tokenizer_(tokenizer), style_(style), start_(special(kStart)), end_(special(kEnd)) {}

  Piece block(std::string_view role, std::string_view content) const {
    Piece piece;
    open(role, content, piece);
    piece.add(end_);
    return piece;
  }

  // The blocks of some messages, each with the line break in front of it.
  Piece blocks(std::span<const Message> messages) const {
    Piece piece;
    for (const Message& message : messages) {
      plain("\n", piece);
      piece.add(block(message.role, message.content));
    }
    return piece;
  }

  // What the reply is written behind.
  Piece reply_head() const {
    Piece piece;
    plain("\n", piece);
    open("assistant", "", piece);
    return piece;
  }

 private:
  void open(std::string_view role, std::string_view content, Piece& piece) const {
    piece.add(start_);
    if (style_.encoding == ChatMlStyle::Encoding::kWhole) {
      plain(std::string(role).append("\n").append(content), piece);
    } else {
      for (const std::string_view part : {role, std::string_view("\n"), content}) {
        plain(part, piece);
      }
    }
  }

  void plain(std::string_view text, Piece& piece) const {
    const std::vector<TokenId> ids = tokenizer_.encode(text, SpecialText::kPlain);
    piece.ids.insert(piece.ids.end(), ids.begin(), ids.end());
    piece.text += replace_invalid_utf8(text);
  }

  Piece special(std::string_view name) const {
    const auto id = tokenizer_.special_id(name);
    if (id) return {{*id}, std::string(name)};
    throw Error(ErrorCode::kInvalidArgument, "chat format " + std::string(style_.name) +
                                                 ": the tokenizer (" + tokenizer_.description() +
                                                 ") has no special token " + std::string(name));
  }

  const Tokenizer& tokenizer_;
  const ChatMlStyle& style_;
  const Piece start_, end_;
};

class ChatMl final : public ChatFormat {
 public:
  explicit ChatMl(ChatMlStyle style) : style_(std::move(style)) {}

  std::string_view name() const override { return style_.name; }
  std::string_view default_system() const override { return style_.default_system; }

  Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
               const PromptOptions& options) const override {
    check(messages);
    const Writer writer(tokenizer, style_);
    std::string_view system = style_.default_system;
    if (messages.front().role == "system") {
      system = messages.front().content;
      messages = messages.subspan(1);
    }
    Piece prompt = writer.block("system", system);
    std::vector<std::span<const Message>> turns = split_turns(messages);
    const std::span<const Message> query = turns.back();
    turns.pop_back();

    // Newest first, as long as system and kept turns stay under the window; the query does not
    // count.
    std::vector<Piece> kept;
    size_t size = prompt.ids.size();
    for (size_t i = turns.size(); i-- > 0;) {
      Piece turn = writer.blocks(turns[i]);
      size += turn.ids.size();
      if (options.max_window_tokens && size >= *options.max_window_tokens) break;
      kept.push_back(std::move(turn));
    }
    for (size_t i = kept.size(); i-- > 0;) prompt.add(kept[i]);
    prompt.add(writer.blocks(query));
    prompt.add(writer.reply_head());
    return {std::move(prompt.ids), std::move(prompt.text), turns.size() - kept.size()};
  }

  std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const override {
    std::vector<TokenId> ids;
    for (const std::string_view name : style_.stop_names) {
      if (const auto id = tokenizer.special_id(name)) ids.push_back(*id);
    }
    return ids;
  }

 private:
  [[noreturn]] void refuse(size_t index, const std::string& problem) const {
    throw Error(ErrorCode::kInvalidArgument, "messages[" + std::to_string(index) + "]: " + problem +
                                                 " (chat format " + std::string(style_.name) + ")");
  }

  void check(std::span<const Message> messages) const {
    if (messages.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "messages: none; expected at least one, the last by the user");
    }
    const size_t first = messages[0].role == "system" ? 1 : 0;
    for (size_t i = first; i < messages.size(); ++i) check_role(messages[i].role, i, i - first);
    if (messages.back().role != "user") {
      refuse(messages.size() - 1,
             "the last message is the " + messages.back().role + "'s, expected the user's");
    }
  }

  // `place` counts from the first message after the system's.
  void check_role(const std::string& role, size_t index, size_t place) const {
    if (role == "system") refuse(index, "a system message can only come first");
    if (role != "user" && role != "assistant") {
      refuse(index, "role \"" + printable(role) + "\", expected system, user or assistant");
    }
    const std::string_view expected = place % 2 == 0 ? "user" : "assistant";
    if (style_.order == ChatMlStyle::Order::kPairs && role != expected) {
      refuse(index, "role " + role + ", expected " + std::string(expected));
    }
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
