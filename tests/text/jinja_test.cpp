// Limits, errors and marks of chat templates; what they write is held in jinja_golden_test.
#include "text/jinja.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "heng/error.h"
#include "support/jinja_values.h"

namespace heng::text::jinja {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Text rendered(std::string_view source, const char* variables = "{}", const Limits& limits = {}) {
  return Template(source, "t")
      .render(test::jinja_variables(nlohmann::ordered_json::parse(variables)), limits);
}

std::string problem(std::string_view source, ErrorCode code = ErrorCode::kInvalidArgument) {
  try {
    return "rendered: " + rendered(source).bytes();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
}

TEST(Jinja, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(problem("a\n{{ x.y.z }}"), "t:2:5: 'x' is undefined");
  EXPECT_EQ(problem("\xE4\xBD\xA0{{ 1 / 0 }}"), "t:1:7: division by zero") << "columns: characters";
  EXPECT_EQ(problem("{{ raise_exception('no roles') }}"), "t:1:19: the template says: no roles");
  EXPECT_EQ(problem("\n\n  {% include 'x' %}", ErrorCode::kUnsupported),
            "t:3:6: the tag \"include\" is not supported; supported: if, for, set, macro, break, "
            "continue, generation");
  EXPECT_THAT(problem("{{ 'a'|nope }}", ErrorCode::kUnsupported),
              StartsWith("t:1:8: the filter \"nope\" is not in the subset"));
  EXPECT_THAT(problem("{{ 1 is nope }}", ErrorCode::kUnsupported), HasSubstr("the test \"nope\""));
  EXPECT_THAT(problem("{{ 'a'.encode() }}", ErrorCode::kUnsupported),
              HasSubstr("the method \"encode\" of a str"));
  EXPECT_THAT(problem("{% if x", ErrorCode::kUnsupported), StartsWith("t:1:"));
  EXPECT_THAT(problem("{{ strftime_now('%d') }}", ErrorCode::kUnsupported),
              HasSubstr("strftime_now"));
}

TEST(Jinja, WhatIsNotReachedMayBeUnknown) {
  EXPECT_EQ(rendered("{% if tools %}{{ tools|nope }}{% endif %}a", "{\"tools\": null}").bytes(),
            "a");
  EXPECT_EQ(rendered("{% if strftime_now is defined %}today{% else %}then{% endif %}").bytes(),
            "then");
}

TEST(Jinja, HostileTemplatesEndWithAnErrorSoon) {
  const std::string deep(100000, '(');
  const std::string chain = "{{ 1" + std::string(100000, '+') + "1 }}";
  std::string sum = "{{ 1", nested, elses = "{% if 0 %}";
  for (int i = 0; i < 50000; ++i) sum += "+1", nested += "{% if 1 %}", elses += "{% elif 0 %}";
  for (const std::string& source : std::vector<std::string>{
           "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
           "{% set n = namespace(s='ab') %}{% for a in range(99999) %}{% set n.s = n.s + n.s %}"
           "{% endfor %}",
           "{% set n = namespace(l=[1]) %}{% for a in range(999) %}{% set n.l = [n.l, n.l] %}"
           "{% endfor %}",
           "{% set n = namespace(l=[1]) %}{% for a in range(60) %}{% set n.l = [n.l, n.l] %}"
           "{% endfor %}{{ n.l }}",
           "{% set n = namespace(l=[1]) %}{% for a in range(60) %}{% set n.l = [n.l, n.l] %}"
           "{% endfor %}{{ n.l == n.l }}",
           "{% set n = namespace(l=1) %}{% for a in range(999) %}"
           "{% set n.l = ['']|map('default', n.l, true) %}{% endfor %}",
           "{% set n = namespace() %}{% set n.n = n %}",
           "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
           "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
           "{{ 'abc' * 999999999999 }}",
           "{{ [0] * 999999999999 }}",
           "{{ 2 ** 999999999999 }}",
           "{{ 1 ** 999999999999 * 9 ** 99 }}",
           "{{ 'a'|indent(999999999999) }}",
           "{{ ('a' * 10000)|replace('a', 'b' * 10000) }}",
           "{{ range(0, 99999999999) }}",
           "{{ ('a,' * 99999).split(',')|join(',' * 99999) }}",
           "{{ (range(99999)|list)|sort|unique|list }}",
           "{{ [1]|tojson(indent=999999) }}",
           "{{ 'x'[9223372036854775807:-9223372036854775807:-9223372036854775807] * 9 ** 99 }}",
           "{{ -9223372036854775807 - 2 }}",
           "{{ (-9223372036854775807 - 1) // -1 }}",
           "{{ 1e308 * 10 }}",
           "{{ 1e999 }}",
           "{{ '1e999'|float }}",
           "{{ 99999999999999999999 }}",
           "{% for x in [loop] %}{% endfor %}{{ nope() }}",
           "{{ " + deep,
           chain,
           sum + " }}",
           nested,
           elses,
           "{{ " + std::string(99999, '-') + "1 }}",
           "{{ a" + std::string(99999, '[') + " }}",
           "{% set " + deep + " = 1 %}",
       }) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THROW(rendered(source), Error) << source.substr(0, 200);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(spent.count(), 5) << source.substr(0, 200);  // 0.1 s but for sanitizers and load
  }
}

TEST(Jinja, LimitsAreThoseThatWereGiven) {
  constexpr const char* kLoop = "{% for i in range(100) %}{{ i }}{% endfor %}";
  EXPECT_NO_THROW(rendered(kLoop));
  EXPECT_THROW(rendered(kLoop, "{}", {.steps = 100}), Error);
  EXPECT_THROW(rendered(kLoop, "{}", {.output_bytes = 100}), Error);
  EXPECT_THROW(rendered("{{ [[[[1]]]] }}", "{}", {.depth = 3}), Error);
  const std::string large(kMostTemplateBytes + 1, 'a');
  EXPECT_THROW(Template(large, "t"), Error);
  EXPECT_THROW(Template("\xff", "t"), Error);
}

// What a message brought, in square brackets.
std::string marked(std::string_view source) {
  const Text text = rendered(source, R"({"c": "Ab,<s> x", "l": ["p", "q"], "d": {"k": "v"}})");
  std::string out;
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.is_from_message(i) != inside) out += inside ? ']' : '[';
    inside = text.is_from_message(i);
    out += text.bytes()[i];
  }
  return out + (inside ? "]" : "");
}

TEST(Jinja, EveryByteOfAMessageStaysMarked) {
  EXPECT_EQ(marked("<s>{{ c }}</s>"), "<s>[Ab,<s> x]</s>");
  EXPECT_EQ(marked("{{ '<s>' + c + '\\n' }}"), "<s>[Ab,<s> x]\n");
  EXPECT_EQ(marked("{{ '<' ~ c ~ '>' }}"), "<[Ab,<s> x]>");
  EXPECT_EQ(marked("{{ c[1:4] }}{{ c[::-1] }}{{ c[0] }}"), "[b,<x >s<,bAA]");
  EXPECT_EQ(marked("{{ c.strip() }};{{ c|trim }}"), "[Ab,<s> x];[Ab,<s> x]");
  EXPECT_EQ(marked("{{ c.split(',')|join('+') }}"), "[Ab]+[<s> x]");
  EXPECT_EQ(marked("{{ c.replace(',', '+') }}"), "[Ab]+[<s> x]");
  EXPECT_EQ(marked("{{ 'a,b'.replace('a', c) }}"), "[Ab,<s> x],b");
  EXPECT_EQ(marked("{{ c|upper }}{{ c.title() }}"), "[AB,<S> XAb,<S> X]");
  EXPECT_EQ(marked("{{ c|tojson }}{{ [c] }}"), "\"[Ab,<s> x]\"['[Ab,<s> x]']");
  EXPECT_EQ(marked("{{ '-'.join(l) }}{{ c * 2 }}"), "[p]-[qAb,<s> xAb,<s> x]");
  EXPECT_EQ(marked("{% set x %}<{{ c }}>{% endset %}{{ x }}"), "<[Ab,<s> x]>");
  EXPECT_EQ(marked("{% macro f(a) %}({{ a }}){% endmacro %}{{ f(c) }}"), "([Ab,<s> x])");
  EXPECT_EQ(marked("{% for k, v in d.items() %}{{ k }}={{ v }}{% endfor %}"), "[k]=[v]");
  EXPECT_EQ(marked("{{ c|length }}{{ c == 'x' }}"), "8False");
  EXPECT_EQ(marked("{{ c|indent(1, true) }}{{ c|reverse }}"), " [Ab,<s> xx >s<,bA]");
}

}  // namespace
}  // namespace heng::text::jinja
