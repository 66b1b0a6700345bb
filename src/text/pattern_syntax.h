// Patterns in tokenizer files are written for Oniguruma (Hugging Face's tokenizers) and run here in
// PCRE2. Both read what published patterns are made of alike; the rest is told apart here. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heng::text {

// What in `pattern` the two could read differently, or what is longer than any published pattern;
// nullopt where there is nothing. What is no pattern at all is left for PCRE2 to say.
std::optional<std::string> pattern_problem(std::string_view pattern);

}  // namespace heng::text
