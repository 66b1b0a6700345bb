// A chat template's source -> tokens, with Jinja's trim_blocks and lstrip_blocks on, as
// transformers sets them. Pure functions; safe from any thread. Source of the rules: Jinja2 3.1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heng::text::jinja {

enum class TokenType {
  kText,         // between tags; value: what of it stays
  kOutputBegin,  // {{
  kOutputEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,  // value: unescaped
  kInteger,
  kFloat,
  kOperator,  // value: itself
  kEnd,
};

struct Token {
  TokenType type;
  std::string value;
  size_t offset = 0;  // in the normalised source
};

// `source` with line ends as "\n", without the last one: what offsets and lines refer to.
std::string normalised_source(std::string_view source);

// Throws Error kUnsupported with file, line and column: what is no Jinja, or not in the subset.
std::vector<Token> lex(std::string_view source, std::string_view file);

// Error kUnsupported "<file>:<line>:<column>: <problem>".
[[noreturn]] void fail_syntax(std::string_view source, std::string_view file, size_t offset,
                              const std::string& problem);

}  // namespace heng::text::jinja
