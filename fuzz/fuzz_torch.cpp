// Any bytes as a torch file: a zip archive, or, where the input starts like a pickle, the pickle
// alone, so that the fuzzer need not find its way through the archive first. Success or
// heng::Error.
#include "checkpoint/torch_pickle.h"
#include "touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    if (size > 0 && data[0] == 0x80) {
      heng::checkpoint::read_torch_pickle(bytes, "fuzz");
    } else {
      heng::fuzz::touch(heng::checkpoint::parse_torch_file(bytes, "fuzz"));
    }
  } catch (const heng::Error&) {
  }
  return 0;
}
