// The chat formats this build knows. A new one is a file that defines its ChatFormatRow and a line
// in chat_formats.inc. Immutable; safe to use from many threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "heng/chat.h"
#include "text/chat_files.h"

namespace heng::text {

struct ChatFormatRow {
  std::string_view name;
  std::string_view alias;  // another name that users know it by; may be empty
  std::shared_ptr<const ChatFormat> (*make)();
  // Whether a model was trained with this format, by what its own files say for certain.
  bool (*suits)(const ChatFiles& files);
};

// For formats that no file names: they are chosen by --template alone.
inline bool suits_none(const ChatFiles&) {
  return false;
}

// The format of a model: the one its family has here, else its own chat_template as it is. nullptr
// where its files name none. Throws Error kUnsupported where its template cannot be read.
std::shared_ptr<const ChatFormat> detect_chat_format(const ChatFiles& files);

// The error for that: what is missing of `model`, and what there is to choose from.
std::string no_chat_format(std::string_view model);

}  // namespace heng::text
