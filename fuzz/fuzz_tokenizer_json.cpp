// Any text as a tokenizer.json, as vocab.json and merges.txt (a NUL between them), and as the
// tokenizer_config.json beside either; then texts through the tokenizer: success or heng::Error.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "heng/error.h"
#include "text/tokenizer_json.h"

namespace {

using namespace heng;

template <typename Read>
void attempt(const Read& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

void use(const Tokenizer& tokenizer) {
  const std::string run(200, 'a');
  for (const std::string_view text :
       {std::string_view("hello  \xE4\xBD\xA0\xE5\xA5\xBD 12 <s> e\xCC\x81\n\xFF<|end|>"),
        std::string_view(run), std::string_view("")}) {
    for (const SpecialText special : {SpecialText::kPlain, SpecialText::kParse}) {
      attempt([&] { tokenizer.decode(tokenizer.encode(text, special)); });
    }
  }
  for (const TokenId id : tokenizer.prefix()) tokenizer.token_bytes(id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(input.find('\0'), input.size());
  attempt([&] {
    const Json json = parse_json(input.substr(0, cut), "fuzz");
    text::TokenizerConfig config;
    attempt([&] { config = text::tokenizer_config_from_json(JsonObject(json, "fuzz")); });
    attempt([&] { use(*text::make_json_tokenizer(json, config, "fuzz")); });
    if (!json.is_object()) return;
    const std::string_view merges = input.substr(std::min(cut + 1, input.size()));
    attempt([&] { use(*text::make_qwen2_tokenizer(json, merges, config, "fuzz", "fuzz")); });
  });
  return 0;
}
