// Any bytes as a torch file: a zip archive, or, where the input starts like a pickle, the pickle
// alone, so that the fuzzer need not find its way through the archive first. An archive is taken
// for both halves of a LLaMA in Meta's layout as well. Success or heng::Error.
#include "checkpoint/meta_shards.h"
#include "checkpoint/torch_pickle.h"
#include "touch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    if (size > 0 && data[0] == 0x80) {
      heng::checkpoint::read_torch_pickle(bytes, "fuzz");
    } else {
      auto first = heng::checkpoint::parse_torch_file(bytes, "consolidated.00.pth");
      heng::fuzz::touch(first);
      auto second = heng::checkpoint::parse_torch_file(bytes, "consolidated.01.pth");
      heng::checkpoint::join_meta_shards({first.tensors, second.tensors});
    }
  } catch (const heng::Error&) {
  }
  return 0;
}
