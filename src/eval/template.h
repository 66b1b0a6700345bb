// Texts with {names} in them. Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace heng::eval {

using Fields = std::map<std::string, std::string, std::less<>>;

// The names in braces, in their order. A brace that opens no name (letters, digits, "_") is text.
std::vector<std::string> placeholders(std::string_view text);

// `text` with each {name} of `fields` replaced by its value; others stay.
std::string fill_in(std::string_view text, const Fields& fields);

}  // namespace heng::eval
