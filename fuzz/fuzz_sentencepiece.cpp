// Any bytes as a SentencePiece model, and text through what comes of it: success or heng::Error.
#include <cstdint>

#include "heng/error.h"
#include "text/sentencepiece.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto tokenizer = heng::text::make_sentencepiece_tokenizer(
        {.model = std::string(reinterpret_cast<const char*>(data), size), .file = "fuzz"});
    const auto ids =
        tokenizer->encode("hello  \xE4\xBD\xA0\xE5\xA5\xBD <s> \xEF\xBC\xA1 \xF0\x9F\x98\x80");
    tokenizer->decode(ids);
    for (size_t id = 0; id < tokenizer->size() && id < 8; ++id) {
      tokenizer->token_bytes(static_cast<heng::TokenId>(id));
    }
  } catch (const heng::Error&) {
  }
  return 0;
}
