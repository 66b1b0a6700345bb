// Checkpoints that this build cannot run: one line that names the file and the field, and what is
// supported. What holds for every architecture stands in architecture_contract_test.cpp.
#include <gtest/gtest.h>

#include "heng/engine.h"
#include "support/tiny_model.h"

namespace heng {
namespace {

TEST(BadModel, OfTheRegistryOthersAreRefusedWithWhatIsSupported) {
  test::TinyModel model(*models::all_architectures().back());
  model.config["architectures"] = {"MambaForCausalLM"};
  const std::string problem = test::problem_of(model);
  EXPECT_NE(problem.find("config.json: architecture \"MambaForCausalLM\""), std::string::npos);
  for (const models::Architecture* a : models::all_architectures()) {
    if (a->hf_classes.empty()) continue;
    EXPECT_NE(problem.find(a->hf_classes.front()), std::string::npos) << problem;
  }
}

TEST(BadModel, AnUnknownQuantisationIsNamed) {
  test::TinyModel model(*models::all_architectures().back());
  model.config["quantization_config"] = {{"quant_method", "mystery"}, {"bits", 4}};
  const std::string problem = test::problem_of(model);
  EXPECT_NE(problem.find("config.json"), std::string::npos) << problem;
  EXPECT_NE(problem.find("mystery"), std::string::npos) << problem;
  EXPECT_NE(problem.find("Supported"), std::string::npos) << problem;
}

}  // namespace
}  // namespace heng
