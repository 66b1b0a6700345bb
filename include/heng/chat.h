// Conversations -> prompt tokens, by the format the model was trained with.
// A ChatFormat is immutable and safe to use from many threads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "heng/tokenizer.h"

namespace heng {

struct Message {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

struct PromptOptions {
  // Whole older turns are dropped, oldest first, to stay under this many tokens, counted as
  // upstream's make_context counts them (0 drops all of them). nullopt: nothing is dropped.
  std::optional<size_t> max_window_tokens;
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
  // The prompt of a conversation that ends with a user message. Contents are plain text: no special
  // token can come out of them. Throws Error kInvalidArgument for roles or an order the format does
  // not have, and for a tokenizer without its special tokens.
  virtual Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
                       const PromptOptions& options = {}) const = 0;
  // Tokens that end a reply.
  virtual std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const = 0;
  // The system text put in front when the conversation brings none; empty: none is put.
  virtual std::string_view default_system() const = 0;
};

// Formats by name, for --template: throws Error kInvalidArgument listing the names.
std::shared_ptr<const ChatFormat> chat_format_by_name(std::string_view name);
std::vector<std::string_view> chat_format_names();

}  // namespace heng
