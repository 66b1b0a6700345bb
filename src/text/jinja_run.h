// One rendering: where it is in the template, and what it may still do. Every operation pays in
// steps, by the character and the item too, so that a template can take neither time nor memory
// without bound. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "heng/error.h"

namespace heng::text::jinja {

struct Limits {
  size_t steps = 1'000'000;
  size_t output_bytes = 1u << 20;
  size_t depth = 250;  // of expressions, blocks and macro calls inside one another
};

inline constexpr size_t kMostTemplateBytes = 1u << 20;
inline constexpr int kMostNesting = 64;  // of lists and dicts inside one another

// What is at `offset` of a template, for errors: "chat_template of tokenizer_config.json:3:14".
std::string place_of(std::string_view source, std::string_view file, size_t offset);

class Run {
 public:
  // REQUIRES: `source` and `file` outlive this.
  Run(std::string_view source, std::string_view file, const Limits& limits)
      : source_(source), file_(file), limits_(limits), steps_left_(limits.steps) {}

  void at(size_t offset) { offset_ = offset; }
  size_t offset() const { return offset_; }
  const Limits& limits() const { return limits_; }

  void charge(size_t steps = 1) {
    if (steps > steps_left_) out_of_steps();
    steps_left_ -= steps;
  }
  // For work of some nanoseconds a byte.
  void charge_bytes(size_t bytes) { charge(1 + bytes / 16); }

  // What the template asked for cannot be done with these values: Error kInvalidArgument.
  [[noreturn]] void fail(const std::string& problem) const;
  // Jinja that is not in the subset: Error kUnsupported.
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  [[noreturn]] void out_of_steps() const;

  const std::string_view source_, file_;
  const Limits limits_;
  size_t steps_left_;
  size_t offset_ = 0;
};

}  // namespace heng::text::jinja
