// Any bytes as a JSON Schema; where it is taken, a reply that keeps to it and is driven by the rest
// of the bytes: success or heng::Error, a way on at every step, and JSON at the end.
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "heng/constraint.h"
#include "heng/error.h"
#include "support/list_tokenizer.h"

namespace {

const heng::test::ListTokenizer& tokenizer() {
  static const heng::test::ListTokenizer kTokenizer({"{\"", "\":", "\"}", "}}", "true", "null"});
  return kTokenizer;
}

// The tokens that may follow `ids`.
std::vector<heng::TokenId> allowed(heng::ConstrainedReply& reply,
                                   const std::vector<heng::TokenId>& ids) {
  std::vector<float> logits(tokenizer().size());
  reply(logits, ids);
  std::vector<heng::TokenId> all;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!std::isinf(logits[i])) all.push_back(static_cast<heng::TokenId>(i));
  }
  return all;
}

void write(heng::ConstrainedReply& reply, uint32_t choices) {
  constexpr size_t kMostTokens = 80;
  std::vector<heng::TokenId> ids;
  while (ids.size() < kMostTokens) {
    const auto tokens = allowed(reply, ids);
    if (tokens.empty()) __builtin_trap();
    choices = choices * 1664525u + 1013904223u;
    const auto id =
        tokens.back() == tokenizer().end() ? tokens.back() : tokens[(choices >> 8) % tokens.size()];
    if (id == tokenizer().end()) {
      const std::string text = tokenizer().decode_bytes(ids);
      if (!nlohmann::json::accept(text)) __builtin_trap();
      return;
    }
    ids.push_back(id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const heng::TokenId kEnd = tokenizer().end();
  static const heng::ConstraintCompiler kCompiler(tokenizer(), std::span(&kEnd, 1));
  uint32_t choices = 1;
  for (size_t i = 0; i < size; ++i) choices = choices * 31 + data[i];
  try {
    heng::ConstrainedReply reply(
        kCompiler.json_schema({reinterpret_cast<const char*>(data), size}));
    write(reply, choices);
  } catch (const heng::Error&) {
  }
  return 0;
}
