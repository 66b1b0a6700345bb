// Any bytes as a .safetensors file: success, with all data inside the file, or heng::Error.
#include "touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    heng::fuzz::touch(
        heng::checkpoint::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz"));
  } catch (const heng::Error&) {
  }
  return 0;
}
