// Conversations -> prompt tokens, by the format the model was trained with, and replies back.
// A ChatFormat is immutable and safe to use from many threads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heng/generation.h"
#include "heng/tokenizer.h"
#include "heng/tools.h"

namespace heng {

struct Message {
  // "system", "user" or "assistant"; in Alpaca's formats "input" too: what the instruction of the
  // user's message before it is about. In formats with tools "tool" (or "function", as the older
  // API says) too: what a call of the assistant's message before it gave.
  std::string role;
  std::string content;
  std::vector<ToolCall> tool_calls = {};  // of an assistant's message
  std::string tool_call_id = {};          // of a tool's message
  std::string name = {};                  // of the tool, in a tool's message
};

struct PromptOptions {
  // Whole older turns are dropped, oldest first, to stay under this many tokens (0 drops all of
  // them): counted as upstream's make_context counts them in Qwen's format, over the whole prompt
  // in others. nullopt: nothing is dropped.
  std::optional<size_t> max_window_tokens = std::nullopt;
  // Whether a model that can think before it answers does (upstream's enable_thinking).
  bool think = true;
  // What the model may call. Throws Error kUnsupported where the format has no tools.
  std::span<const Tool> tools = {};
};

struct Prompt {
  std::vector<TokenId> ids;
  std::string text;  // the same to read: special tokens by name, contents as they were given
  size_t dropped_turns = 0;  // older question-answer pairs left out; say so to the user
};

class ChatFormat {
 public:
  virtual ~ChatFormat() = default;

  virtual std::string_view name() const = 0;  // "qwen"
  // The prompt of a conversation that ends with a user's or a tool's message; in ReAct, which goes
  // on inside a turn, an assistant's may be the last too. Contents are plain text: no special
  // token can come out of them. Throws Error kInvalidArgument for roles or an order the format does
  // not have, and for a tokenizer without its special tokens.
  virtual Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
                       const PromptOptions& options = {}) const = 0;
  // Tokens that end a reply.
  virtual std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const = 0;
  // Texts that end a reply and are no part of it.
  virtual std::vector<std::string> stop_texts() const { return {}; }
  // The system text put in front when the conversation brings none; empty: none is put.
  virtual std::string_view default_system() const = 0;
  // Whether replies begin with a thought between <think> and </think> unless PromptOptions say no.
  virtual bool thinks() const { return false; }
  // How replies call tools; with kNone neither tools nor messages of tools are taken.
  virtual ToolSyntax tool_syntax() const { return ToolSyntax::kNone; }
  // What upstream's own chat function sets over generation_config.json, or in place of a missing
  // one.
  virtual void set_defaults(GenerationConfig&) const {}
  // Texts that upstream's chat replaces in a reply, each by the other.
  using Replacement = std::pair<std::string_view, std::string_view>;
  virtual std::span<const Replacement> replacements() const { return {}; }
};

// Formats by name, for --template: throws Error kInvalidArgument listing the names.
std::shared_ptr<const ChatFormat> chat_format_by_name(std::string_view name);
std::vector<std::string_view> chat_format_names();

// `text` without the white space at its ends: Unicode's, as Python's str.strip.
std::string_view strip(std::string_view text);

// A reply as it comes, parted into thought and answer, each as upstream's chat keeps it: without
// the white space at its ends, replacements made. Where the tokenizer has tokens for <think> and
// </think> these part it, else their text does. One stream per reply; not thread-safe.
class ReplyStream {
 public:
  struct Shown {
    std::string thought, answer;  // what can be shown now and is not taken back
  };

  // Borrows `format`.
  ReplyStream(const ChatFormat& format, const Tokenizer& tokenizer);

  // A token and its text, whole characters, as TokenEvent has them.
  Shown push(TokenId id, std::string_view text);
  // The reply is over: what was held back.
  Shown finish();

  bool thinking() const { return state_ == State::kThought; }
  size_t thought_tokens() const { return thought_tokens_; }
  const std::string& thought() const { return thought_.text; }  // all that was shown
  const std::string& answer() const { return answer_.text; }

 private:
  enum class State { kStart, kThought, kAnswer };
  struct Section {
    std::string text, held;
  };

  void take(std::string_view text, Shown& shown);
  void take_id(TokenId id, std::string_view text, Shown& shown);
  std::string add(Section& section, std::string_view text, bool is_last) const;
  size_t unsure_bytes(std::string_view text) const;

  const ChatFormat& format_;
  std::optional<TokenId> open_, close_;  // the tokens <think> and </think>
  State state_;
  std::string held_;  // may be the start of a tag
  Section thought_, answer_;
  size_t thought_tokens_ = 0;
};

}  // namespace heng
