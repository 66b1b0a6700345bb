// The values of JSON Schema's `format` that are kept, each as a pattern. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace heng::grammar {

// "" for a format that is not kept.
std::string format_pattern(std::string_view format);

// For errors: "date, time, ...".
std::string format_names();

}  // namespace heng::grammar
