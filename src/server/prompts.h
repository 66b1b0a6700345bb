// Typed calls -> requests to the engine of one model: prompts, end tokens, room in the context.
// Pure functions; safe from any thread. All throw ApiError or Error.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "server/model_host.h"
#include "server/ollama_requests.h"
#include "server/openai_requests.h"

namespace heng::server {

// What the length of a reply may be: `max_tokens`, or all the room there is. Throws ApiError 400
// context_length_exceeded with the counts where prompt and reply do not fit; nothing is cut.
int64_t reply_tokens(size_t n_prompt, std::optional<int64_t> max_tokens, size_t most,
                     std::string_view param);

// The prompt of a conversation with the chat format's end tokens, held to its form; no turn is
// dropped.
// kNoRoom::kShorten: a reply that does not fit ends early, as ollama has it.
enum class NoRoom { kRefuse, kShorten };
struct ChatParts {
  const std::vector<Message>& messages;
  const Sampling& sampling;
  std::optional<bool> think;
  const ReplyForm& form;
};
Request chat_request_for(ModelHost& host, const ChatParts& chat, NoRoom no_room);

// Stops as Qwen's openai_api.py has them for replies that may call tools: each that begins with
// line breaks without these too, as the text before it may have ended in them.
void add_bare_stops(std::vector<std::string>& stops);

// With what the tokenizer puts in front of a text; ids as they are.
std::vector<TokenId> tokens_of(const Model& model, const TextOrIds& text, SpecialText special);

Request completion_request_for(const ModelHost& host, const std::vector<TokenId>& prompt,
                               const Sampling& sampling, std::optional<int64_t> max_tokens,
                               NoRoom no_room);

}  // namespace heng::server
