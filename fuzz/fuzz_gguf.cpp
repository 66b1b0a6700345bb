// Any bytes as a .gguf file, and its metadata as a tokenizer: success, with all data inside the
// file, or heng::Error.
#include "text/gguf_tokenizer.h"
#include "touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto parsed = heng::checkpoint::parse_gguf(std::as_bytes(std::span(data, size)), "fuzz");
    heng::fuzz::touch(parsed);
    heng::text::make_gguf_tokenizer(parsed.metadata, "fuzz");
  } catch (const heng::Error&) {
  }
  return 0;
}
