// Templates and expressions against what Jinja2 makes of them (tools/make_jinja_golden.py).
#include <gtest/gtest.h>

#include <fstream>

#include "heng/error.h"
#include "support/jinja_values.h"
#include "text/jinja.h"

namespace heng::text::jinja {
namespace {

using Ordered = nlohmann::ordered_json;

TEST(JinjaGolden, EveryTemplateGivesWhatJinja2GivesOrIsRefused) {
  std::ifstream in(HENG_SOURCE_DIR "/tests/text/data/jinja_golden.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(in, line));
  const Variables variables = test::jinja_variables(Ordered::parse(line)["vars"]);
  size_t n = 0;
  while (std::getline(in, line)) {
    const Ordered row = Ordered::parse(line);
    const std::string source = row["template"];
    ++n;
    try {
      const std::string output = Template(source, "t").render(variables).bytes();
      EXPECT_EQ(output, row.value("output", "an error")) << source;
    } catch (const Error& e) {
      EXPECT_FALSE(row.contains("output")) << source << "\n" << e.what();
      EXPECT_TRUE(!row.contains("refused") || e.code() == ErrorCode::kUnsupported) << source;
      EXPECT_TRUE(std::string_view(e.what()).starts_with("t:")) << e.what();
    }
  }
  EXPECT_GT(n, 600u);
}

}  // namespace
}  // namespace heng::text::jinja
