// The chat formats this build knows. A new one is a file that defines its ChatFormatRow and a line
// in chat_formats.inc. Immutable; safe to use from many threads.
#pragma once

#include <memory>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "heng/chat.h"

namespace heng::text {

struct ChatFormatRow {
  std::string_view name;
  std::string_view alias;  // another name that users know it by; may be empty
  std::shared_ptr<const ChatFormat> (*make)();
  // Whether `checkpoint` was trained with this format, by what its own files say.
  bool (*suits)(const checkpoint::Checkpoint& checkpoint);
};

// The format of a checkpoint; nullptr where its files name none that this build knows.
std::shared_ptr<const ChatFormat> detect_chat_format(const checkpoint::Checkpoint& checkpoint);

}  // namespace heng::text
