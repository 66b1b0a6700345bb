// One parser a syntax of tool calls, for ToolCallStream. One per reply; not thread-safe.
#pragma once

#include <memory>

#include "heng/tools.h"

namespace heng {

class ToolCallStream::Parser {
 public:
  virtual ~Parser() = default;
  virtual void push(std::string_view text, Delta& out) = 0;
  virtual void finish(Delta& out) = 0;
};

namespace text {

std::unique_ptr<ToolCallStream::Parser> make_react_parser();
std::unique_ptr<ToolCallStream::Parser> make_hermes_parser();

// Length of the longest end of `text` that may become `whole`, but is not yet.
size_t start_length(std::string_view text, std::string_view whole);

}  // namespace text
}  // namespace heng
