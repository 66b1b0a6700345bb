// The rows of Qwen's openai_api.py that are the server's: what it refuses, what prompts its
// requests become, and where stop strings cut.
#include <gmock/gmock.h>

#include "engine/stop_rules.h"
#include "server/prompts.h"
#include "support/list_tokenizer.h"
#include "support/react_rows.h"
#include "support/tiny_server.h"

namespace heng::server {
namespace {

using nlohmann::ordered_json;

// Arguments that are no text are refused; upstream's server takes them as Python would print them.
bool has_object_arguments(const ordered_json& row) {
  return row.dump().find("\"arguments\":{") != std::string::npos;
}

// A message that neither says nor calls anything is refused; upstream's server takes it as empty.
bool has_no_content(const ordered_json& row) {
  return std::any_of(row["messages"].begin(), row["messages"].end(), [](const ordered_json& m) {
    return m["content"].is_null() && !m.contains("function_call");
  });
}

TEST(ReactGolden, RequestsAreAnsweredOrRefusedAsUpstreams) {
  HENG_NEEDS_GOLDEN("eval/react.jsonl");
  test::TinyServer server({}, 16384);
  size_t n_refused = 0, n_prompts = 0;
  for (const ordered_json& row : test::react_rows("build")) {
    if (has_object_arguments(row)) continue;
    ordered_json body = {{"messages", row["messages"]}, {"max_tokens", 1}};
    if (!row["functions"].is_null()) body["functions"] = row["functions"];
    const test::Answer answer = server.send(test::post_text("/v1/chat/completions", body.dump()));
    if (row.contains("status") || has_no_content(row)) {
      n_refused += row.contains(
          "status");  // with 500 too: an error of the request is no error of the server
      EXPECT_EQ(answer.status, 400) << row << answer.body;
      continue;
    }
    if (row["functions"].empty()) {  // no ReAct: formats without tools keep a stricter order
      EXPECT_TRUE(answer.status == 200 || answer.status == 400) << row << answer.body;
      continue;
    }
    ASSERT_EQ(answer.status, 200) << row << answer.body;
    ++n_prompts;
    // Special tokens in contents are text here.
    if (row["messages"].dump().find("<|") != std::string::npos) continue;
    const auto prompt = server.post("/tokenize", {{"prompt", row["prompt"].get<std::string>()},
                                                  {"parse_special", true},
                                                  {"add_special_tokens", false}});
    EXPECT_EQ(answer.json()["usage"]["prompt_tokens"], prompt.json()["count"]) << row;
  }
  EXPECT_EQ(n_refused, 22u);
  EXPECT_EQ(n_prompts, 35u);
}

TEST(ReactGolden, StopsCutAsUpstreams) {
  HENG_NEEDS_GOLDEN("eval/react.jsonl");
  size_t n_rows = 0;
  for (const ordered_json& row : test::react_rows("stop")) {
    ++n_rows;
    if (row["stop"].is_null()) continue;
    auto stops = row["stop"].get<std::vector<std::string>>();
    if (stops == std::vector<std::string>{""}) {  // would end every reply before it begins
      EXPECT_THROW(read_completion_call(R"({"prompt": "a", "stop": [""]})"), ApiError);
      continue;
    }
    add_bare_stops(stops);
    EXPECT_EQ(stops, row["stop_used"].get<std::vector<std::string>>());
    GenerationConfig config;
    config.stop = stops;
    const std::string text = row["text"];
    const test::ListTokenizer tokenizer({text});
    engine::Reply reply(config, tokenizer, {});
    if (reply.add(256) == engine::Reply::State::kGoing) reply.finish();
    EXPECT_EQ(reply.text(), row["trimmed"].get<std::string>()) << row;
  }
  EXPECT_EQ(n_rows, 15u);
}

}  // namespace
}  // namespace heng::server
