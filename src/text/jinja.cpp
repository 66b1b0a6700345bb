#include "text/jinja.h"

#include "heng/error.h"
#include "text/jinja_lexer.h"
#include "text/jinja_parser.h"
#include "text/utf8.h"

namespace heng::text::jinja {

Template::Template(std::string_view source, std::string_view file)
    : source_(normalised_source(source)), file_(file) {
  if (source_.size() > kMostTemplateBytes) {
    throw Error(ErrorCode::kUnsupported, file_ + ": " + std::to_string(source_.size()) +
                                             " bytes, expected at most " +
                                             std::to_string(kMostTemplateBytes));
  }
  if (!is_valid_utf8(source_)) throw Error(ErrorCode::kUnsupported, file_ + ": is not UTF-8");
  block_ = parse(source_, file_);
}

Text Template::render(const Variables& variables, const Limits& limits) const {
  Run run(source_, file_, limits);
  return Interpreter(run, variables).render(block_);
}

}  // namespace heng::text::jinja
