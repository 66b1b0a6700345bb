// What every target does with a file that was accepted: reads all bytes that its tensors claim, so
// that AddressSanitizer sees any that lie outside.
#pragma once

#include <cstdint>
#include <span>

#include "checkpoint/parse.h"

namespace heng::fuzz {

inline void touch(const checkpoint::ParsedFile& parsed) {
  volatile uint8_t sink = 0;
  for (const auto& entry : parsed.tensors) {
    const uint64_t n = byte_count(entry.view.shape, entry.view.dtype, entry.name);
    for (uint64_t i = 0; i < n; ++i) sink = sink ^ static_cast<uint8_t>(entry.view.data[i]);
  }
}

}  // namespace heng::fuzz
