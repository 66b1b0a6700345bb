#include "server/prompts.h"

#include <algorithm>

#include "base/message.h"
#include "heng/auto_model.h"
#include "server/api_error.h"

namespace heng::server {
namespace {

[[noreturn]] void too_long(size_t n_prompt, int64_t n_reply, size_t most, std::string_view param) {
  const size_t all = n_prompt + static_cast<size_t>(n_reply);
  throw ApiError(400,
                 "the context holds " + with_commas(most) + " tokens; the prompt has " +
                     with_commas(n_prompt) + " and the reply asks for " +
                     with_commas(static_cast<uint64_t>(n_reply)) + ", " + with_commas(all) +
                     " together. Shorten the prompt or lower max_tokens.",
                 std::string(param), "context_length_exceeded");
}

void set_length(Request& request, const ModelHost& host, std::optional<int64_t> wanted,
                NoRoom no_room, std::string_view param) {
  const size_t n = request.prompt.size(), most = host.most_tokens();
  if (no_room == NoRoom::kShorten && wanted && n < most) {
    wanted = std::min(*wanted, static_cast<int64_t>(most - n));
  }
  request.generation.max_new_tokens = reply_tokens(n, wanted, most, param);
}

void hold_to_form(Request& request, ModelHost& host, const ChatFormat& format,
                  const ChatParts& chat) {
  const ToolSyntax syntax = format.tool_syntax();
  if (chat.form.tools.offers() && syntax == ToolSyntax::kReact) {
    add_bare_stops(request.generation.stop);
  }
  const bool thought = format.thinks() && chat.think.value_or(true);
  auto constraint = host.forms().compile(chat.form, syntax, thought, request.generation.eos_ids);
  if (!constraint) return;
  request.on_logits = ConstrainedReply(std::move(constraint));
  // The form says where the reply ends.
  request.generation.ignore_eos = false;
  request.generation.min_new_tokens = 0;
}

}  // namespace

void add_bare_stops(std::vector<std::string>& stops) {
  const size_t n = stops.size();
  for (size_t i = 0; i < n; ++i) {
    const size_t begin = stops[i].find_first_not_of('\n');
    if (begin == std::string::npos) continue;
    const std::string bare = stops[i].substr(begin);
    if (std::find(stops.begin(), stops.end(), bare) == stops.end()) stops.push_back(bare);
  }
}

int64_t reply_tokens(size_t n_prompt, std::optional<int64_t> max_tokens, size_t most,
                     std::string_view param) {
  const int64_t least = max_tokens.value_or(1);
  if (n_prompt > most || static_cast<uint64_t>(least) > most - n_prompt) {
    too_long(n_prompt, least, most, param);
  }
  return max_tokens.value_or(static_cast<int64_t>(most - n_prompt));
}

Request chat_request_for(ModelHost& host, const ChatParts& chat, NoRoom no_room) {
  constexpr size_t kNoLimit = size_t{1} << 40;
  const Sampling& sampling = chat.sampling;
  if (sampling.max_tokens == 0) {
    throw ApiError(400, "max_tokens: expected at least 1, found 0.", "max_tokens", "invalid_value");
  }
  const Model& model = host.model();
  const auto format = host.chat_format();
  GenerationConfig generation = model.generation_config();
  format->set_defaults(generation);
  sampling.apply_to(generation);
  generation.max_window_size = 0;  // upstream's chat drops older turns past it
  PromptOptions options;
  options.think = chat.think.value_or(true);
  if (chat.form.tools.offers()) options.tools = chat.form.tools.tools;
  Request request =
      chat_request(*format, model.tokenizer(), chat.messages, generation, kNoLimit, options)
          .request;
  set_length(request, host, sampling.max_tokens, no_room, "messages");
  hold_to_form(request, host, *format, chat);
  return request;
}

std::vector<TokenId> tokens_of(const Model& model, const TextOrIds& text, SpecialText special) {
  if (text.ids) return *text.ids;
  std::vector<TokenId> ids = model.tokenizer().prefix();
  const auto encoded = model.tokenizer().encode(text.text, special);
  ids.insert(ids.end(), encoded.begin(), encoded.end());
  return ids;
}

Request completion_request_for(const ModelHost& host, const std::vector<TokenId>& prompt,
                               const Sampling& sampling, std::optional<int64_t> max_tokens,
                               NoRoom no_room) {
  Request request;
  request.prompt = prompt;
  request.generation = host.model().generation_config();
  sampling.apply_to(request.generation);
  set_length(request, host, max_tokens, no_room, "prompt");
  return request;
}

}  // namespace heng::server
