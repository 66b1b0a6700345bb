// Chat templates in Jinja: a documented subset (docs/models.md), run under limits. What is not in
// the subset is refused by name, line and column. Immutable; safe to use from many threads.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja_interpreter.h"

namespace heng::text::jinja {

class Template {
 public:
  // `file` is for errors. Throws Error kUnsupported: what is no Jinja or not in the subset.
  Template(std::string_view source, std::string_view file);

  // Throws Error kInvalidArgument: values that the template cannot work with, raise_exception,
  // a limit; kUnsupported as above, where the refused part is reached only now.
  Text render(const Variables& variables, const Limits& limits = {}) const;

  const std::string& source() const { return source_; }

 private:
  std::string source_;  // normalised
  std::string file_;
  Block block_;
};

}  // namespace heng::text::jinja
