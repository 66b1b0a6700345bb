#include "text/pattern_syntax.h"

#include <gtest/gtest.h>

#include "text/pretokenize.h"

namespace heng::text {
namespace {

TEST(PatternSyntax, PublishedPatternsAreKnown) {
  for (const std::string_view pattern : {
           qwen_pattern(),
           gpt2_pattern(),
           digit_pattern(),
           // Qwen3.5, GPT-4o, DeepSeek-V3, as their tokenizer.json have them.
           std::string_view(
               R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)"),
           std::string_view(R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{M}]+)"
                            R"((?i:'s|'t)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s+(?!\S))"),
           std::string_view(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[一-龥]+|\p{Han}+)"),
       }) {
    EXPECT_EQ(pattern_problem(pattern), std::nullopt) << pattern;
  }
}

TEST(PatternSyntax, WhatOnigurumaReadsOtherwiseIsNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"(a|\w+)", R"("\w")"},
      {R"(\bx)", R"("\b")"},
      {R"(\h)", R"("\h")"},
      {R"((a)\1)", R"("\1")"},
      {R"(\p{Alpha}+)", R"("\p{Alpha}")"},
      {R"(\pL)", "pattern"},
      {R"(\x41)", "pattern"},
      {R"([[:alpha:]])", R"("[")"},
      {R"([a-z&&[^b]])", "pattern"},
      {R"([a&&b])", R"("&&")"},
      {R"([]a])", R"("]")"},
      {R"(^a)", R"("^")"},
      {R"(a$)", R"("$")"},
      {R"((?i)a)", "\"(?i)\""},
      {R"((?<n>a))", "pattern"},
      {R"((*LIMIT_MATCH=9)a)", "pattern"},
      {R"((?R))", "pattern"},
      {R"(a{,3})", "pattern"},
      {R"(a{1,3}+)", R"("{1,3}+")"},
      {R"(a{2}?)", R"("{2}?")"},
      {"a{2", "pattern"},
      {"\\", "pattern"},
      {"\xFF", "UTF-8"},
  };
  for (const auto& [pattern, part] : kCases) {
    const auto problem = pattern_problem(pattern);
    ASSERT_TRUE(problem) << pattern;
    EXPECT_NE(problem->find(part), std::string::npos) << pattern << ": " << *problem;
  }
  EXPECT_TRUE(pattern_problem(std::string(10000, 'a')));
}

}  // namespace
}  // namespace heng::text
