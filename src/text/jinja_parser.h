// A chat template's source -> its statements. Pure function; safe from any thread.
#pragma once

#include <string_view>

#include "text/jinja_ast.h"

namespace heng::text::jinja {

// `source`: as normalised_source gives it. Throws Error kUnsupported with file, line and column.
Block parse(std::string_view source, std::string_view file);

}  // namespace heng::text::jinja
