#include "engine/loras.h"

#include "base/message.h"
#include "text/tokenizer_load.h"

namespace heng::engine {

Loras open_loras(std::span<const std::filesystem::path> folders) {
  Loras loras;
  for (const auto& folder : folders) loras.push_back(checkpoint::LoraAdapter::open(folder));
  return loras;
}

LoraInfo describe_lora(const checkpoint::LoraAdapter& adapter) {
  const auto& config = adapter.config();
  LoraInfo info{adapter.name(), config.base_model,      config.rank,
                config.alpha,   adapter.pairs().size(), {}};
  for (const auto& [tensor, entry] : adapter.saved()) info.saved.push_back(tensor);
  return info;
}

std::optional<std::filesystem::path> tokenizer_folder(const Loras& loras) {
  for (size_t i = loras.size(); i-- > 0;) {
    if (text::has_tokenizer(loras[i]->path())) return loras[i]->path();
  }
  return std::nullopt;
}

void check_tokenizer_fits(const Tokenizer& tokenizer, const Loras& loras, size_t vocabulary) {
  if (tokenizer.size() <= vocabulary) return;
  const std::string names = loras.size() == 1 ? "the adapter" : "the adapters";
  const std::string& made_for = loras.back()->config().base_model;
  throw Error(ErrorCode::kUnsupported,
              loras.back()->name() + ": its tokenizer has " + with_commas(tokenizer.size()) +
                  " tokens, but the model's embedding table " + with_commas(vocabulary) +
                  " rows, and " + names + " bring none (modules_to_save). " +
                  (made_for.empty() ? "It seems made for a base with more tokens."
                                    : "It says it was made for \"" + printable(made_for) + "\"."));
}

text::ChatFiles with_loras(text::ChatFiles base, const Loras& loras, int64_t vocabulary) {
  if (base.config.contains("vocab_size")) base.config["vocab_size"] = vocabulary;
  const auto folder = tokenizer_folder(loras);
  if (!folder) return base;
  text::ChatFiles of_adapter = text::read_chat_files(*folder);
  if (!of_adapter.chat_template.empty()) base.chat_template = of_adapter.chat_template;
  if (!of_adapter.end_token.empty()) base.end_token = of_adapter.end_token;
  return base;
}

}  // namespace heng::engine
