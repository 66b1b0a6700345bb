#include "text/jinja_run.h"

#include <algorithm>

namespace heng::text::jinja {

std::string place_of(std::string_view source, std::string_view file, size_t offset) {
  const std::string_view before = source.substr(0, offset);
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto begins_character = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; };
  const auto line = std::count(before.begin(), before.end(), '\n');
  const auto column = std::count_if(before.begin() + line_begin, before.end(), begins_character);
  return std::string(file) + ":" + std::to_string(line + 1) + ":" + std::to_string(column + 1);
}

void Run::fail(const std::string& problem) const {
  throw Error(ErrorCode::kInvalidArgument, place_of(source_, file_, offset_) + ": " + problem);
}

void Run::refuse(const std::string& what) const {
  throw Error(ErrorCode::kUnsupported, place_of(source_, file_, offset_) + ": " + what +
                                           " is not in the subset of Jinja that is read here");
}

void Run::out_of_steps() const {
  fail("the template takes more than " + std::to_string(limits_.steps) + " steps");
}

}  // namespace heng::text::jinja
