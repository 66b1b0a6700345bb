// The bodies of OpenAI's requests as typed values: pure functions of the text, that know no model.
// All read_ functions throw ApiError 400 naming the field.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heng/chat.h"
#include "server/reply_form.h"
#include "server/sampling.h"

namespace heng::server {

struct StreamOptions {
  bool stream = false, include_usage = false;
};

struct ChatCall {
  std::string model;  // empty: the server's first
  std::vector<Message> messages;
  Sampling sampling;
  size_t n = 1;
  std::optional<size_t> logprobs;  // this many best tokens beside each
  StreamOptions streaming;
  std::optional<bool> think;
  ReplyForm form;
};
ChatCall read_chat_call(std::string_view body);

// A text, or tokens as they are.
struct TextOrIds {
  std::string text;
  std::optional<std::vector<TokenId>> ids;
};

struct CompletionCall {
  std::string model;
  std::vector<TextOrIds> prompts;
  Sampling sampling;
  size_t n = 1;  // of each prompt
  std::optional<size_t> logprobs;
  bool echo = false;
  SpecialText special = SpecialText::kPlain;
  StreamOptions streaming;
};
CompletionCall read_completion_call(std::string_view body);

struct EmbeddingCall {
  std::string model;
  std::vector<TextOrIds> inputs;
  bool base64 = false;
  std::optional<size_t> dimensions;
};
EmbeddingCall read_embedding_call(std::string_view body);

struct TokenizeCall {
  std::string model;
  std::string text;
  std::vector<Message> messages;  // of a chat, in place of a text
  bool add_special_tokens = true;
  SpecialText special = SpecialText::kPlain;
};
TokenizeCall read_tokenize_call(std::string_view body);

struct DetokenizeCall {
  std::string model;
  std::vector<TokenId> ids;
};
DetokenizeCall read_detokenize_call(std::string_view body);

}  // namespace heng::server
