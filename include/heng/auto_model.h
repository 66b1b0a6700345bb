// The article's shape: from_pretrained, chat(tokenizer, "你好", history).
//
//   auto tokenizer = heng::AutoTokenizer::from_pretrained("Qwen-7B-Chat");
//   auto model = heng::AutoModelForCausalLM::from_pretrained("Qwen-7B-Chat");
//   auto [response, history] = model.chat(*tokenizer, "你好");
//   std::tie(response, history) = model.chat(*tokenizer, "给我讲一个故事。", history);
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heng/engine.h"

namespace heng {

// Question and answer pairs, oldest first.
using History = std::vector<std::pair<std::string, std::string>>;

// The response, and the history with this question and answer at its end.
using ChatReply = std::pair<std::string, History>;

using LoraFolders = std::vector<std::filesystem::path>;

// `loras`: adapters that the model is used with, as in LoadOptions.
struct AutoTokenizer {
  static std::shared_ptr<const Tokenizer> from_pretrained(const std::string& name_or_path,
                                                          const LoraFolders& loras = {});
};

struct AutoChatFormat {
  // `format` empty: the one a checkpoint was trained with, which is its own chat_template where its
  // family has none here; "jinja": its chat_template in any case; another name: as
  // chat_format_by_name. Reads no weights. Throws Error kUnsupported, listing the formats there
  // are, where its files name none that is known; kUnsupported with line and column where its
  // template goes beyond the Jinja that is read here; kNotFound where there is no template for
  // "jinja".
  static std::shared_ptr<const ChatFormat> from_pretrained(const std::string& name_or_path,
                                                           std::string_view format = "",
                                                           const LoraFolders& loras = {});
  // The chat_template of a model's own files, bytes as found; empty where there is none. Throws
  // Error kNotFound, kCorrupt.
  static std::string template_of(const std::string& name_or_path);
};

// A model with its KV cache. Not thread-safe: one conversation at a time.
class AutoModelForCausalLM {
 public:
  static AutoModelForCausalLM from_pretrained(const std::string& name_or_path,
                                              const LoadOptions& options = {});

  // Used by chat; starts as the checkpoint's generation_config.json, with what upstream's own chat
  // sets over it.
  GenerationConfig generation_config;
  // Whether a model that can think before it answers does (upstream's enable_thinking).
  bool think = true;

  // Throws as Engine::run. `system` empty: the chat format's default.
  ChatReply chat(const Tokenizer& tokenizer, std::string_view query, const History& history = {},
                 std::string_view system = "");
  // The same; `on_text` gets the response as it comes, whole characters, and may return false to
  // stop.
  ChatReply chat_stream(const Tokenizer& tokenizer, std::string_view query, const History& history,
                        const std::function<bool(std::string_view text)>& on_text,
                        std::string_view system = "");

  // What the model wrote before its last response, where it thinks.
  const std::string& thought() const { return thought_; }

  const Model& model() const { return engine_.model(); }
  Engine& engine() { return engine_; }

 private:
  explicit AutoModelForCausalLM(std::shared_ptr<const Model> model);
  Engine engine_;
  std::string thought_;
};

// What Engine::run needs to answer a conversation that ends with a user message: the prompt by
// `format` and its stop tokens and texts besides those of `generation`. Older turns are dropped,
// whole and oldest first, to keep to generation.max_window_size and to leave room for a reply in
// `context` tokens; max_new_tokens becomes what is left there. Throws as ChatFormat::build.
struct ChatRequest {
  Request request;
  size_t dropped_turns = 0;  // say so to the user
};
ChatRequest chat_request(const ChatFormat& format, const Tokenizer& tokenizer,
                         std::span<const Message> messages, const GenerationConfig& generation,
                         size_t context, PromptOptions options = {});

// A folder or file as given, else a name in the model cache. Throws Error kNotFound saying where
// was looked.
std::filesystem::path resolve_model(const std::string& name_or_path);

// For LoadOptions::repack_cache: HENG_REPACK_CACHE (empty where it is "off"), else a folder in the
// user's cache.
std::filesystem::path default_repack_cache();

}  // namespace heng
