// Any bytes as a stream of server-sent events, whole and in small pieces: the same events, or
// heng::Error.
#include <cstdint>
#include <vector>

#include "heng/error.h"
#include "remote/event_reader.h"

namespace {

std::vector<std::string> events_of(std::string_view text, size_t piece) {
  heng::remote::EventReader reader;
  std::vector<std::string> events;
  for (size_t at = 0; at < text.size(); at += piece) {
    reader.push(text.substr(at, piece));
    while (auto event = reader.next()) events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    if (events_of(text, size + 1) != events_of(text, 3)) __builtin_trap();
  } catch (const heng::Error&) {
  }
  return 0;
}
