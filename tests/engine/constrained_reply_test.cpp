// Constraints in a running engine: a real model at high temperature, alone and where replies give
// their memory up and begin again.
#include <gtest/gtest.h>

#include "heng/auto_model.h"
#include "heng/constraint.h"
#include "support/default_model.h"
#include "support/schema_validator.h"

namespace heng {
namespace {

using nlohmann::json;

constexpr const char* kSchema = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 12},
    "age": {"type": "integer", "minimum": 1, "maximum": 120},
    "colours": {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "maxItems": 3},
    "born": {"type": "string", "format": "date"},
    "story": {"type": "string", "minLength": 60, "maxLength": 70}
  },
  "required": ["name", "age", "colours", "born", "story"],
  "additionalProperties": false
})";

class ConstrainedReplies : public testing::Test {
 protected:
  void SetUp() override {
    HENG_NEEDS_DEFAULT_MODEL();
    model_ = Model::load(test::default_model_path());
  }

  Request request(uint64_t seed) const {
    const std::vector<Message> messages = {{"user", "Describe a person as JSON."}};
    Request request = chat_request(model_->chat_format(), model_->tokenizer(), messages,
                                   model_->generation_config(), model_->info().context)
                          .request;
    request.generation.do_sample = seed != 0;
    request.generation.temperature = 2.0;
    request.generation.top_k = 0;
    request.generation.top_p = 1.0;
    request.generation.seed = seed;
    request.generation.max_new_tokens = 140;
    const ConstraintCompiler compiler(model_->tokenizer(), request.generation.eos_ids);
    request.on_logits = ConstrainedReply(compiler.json_schema(kSchema));
    return request;
  }

  std::shared_ptr<const Model> model_;
};

TEST_F(ConstrainedReplies, ValidateAloneAndUnderMemoryPressure) {
  const test::SchemaValidator validator(json::parse(kSchema));
  std::vector<std::string> alone;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    Engine engine(model_);
    const Completion completion = engine.run(request(seed));
    ASSERT_EQ(completion.finish, FinishReason::kStop) << completion.text;
    const json value = json::parse(completion.text, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << completion.text;
    EXPECT_TRUE(validator.allows(value)) << completion.text;
    alone.push_back(completion.text);
  }
  Engine engine(model_, {.kv_tokens = 192});
  std::vector<std::string> together(3);
  for (uint64_t seed = 0; seed < 3; ++seed) {
    Request next = request(seed);
    next.cache_group = seed;
    next.on_done = [&together, seed](Completion done) { together[seed] = done.text; };
    engine.submit(std::move(next));
  }
  while (engine.step()) {
  }
  EXPECT_GT(engine.stats().preemptions, 0u);
  EXPECT_EQ(together, alone);
}

TEST_F(ConstrainedReplies, ALimitCutsAndSaysSo) {
  Request cut = request(0);
  cut.generation.max_new_tokens = 5;
  const Completion completion = Engine(model_).run(std::move(cut));
  EXPECT_EQ(completion.finish, FinishReason::kLength);
  EXPECT_TRUE(json::parse(completion.text, nullptr, false).is_discarded());
}

}  // namespace
}  // namespace heng
