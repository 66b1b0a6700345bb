// Any bytes as a task file: a task or heng::Error.
#include <cstdint>
#include <string_view>

#include "eval/task.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const heng::eval::Task task =
        heng::eval::parse_task({reinterpret_cast<const char*>(data), size}, "t.yaml");
    if (task.protocols.empty() || task.subjects.empty()) __builtin_trap();
  } catch (const heng::Error&) {
  }
  return 0;
}
