// qwen.tiktoken from anybody, and any text through the vocabulary it holds: success or heng::Error,
// and what was encoded decodes to the same text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "heng/error.h"
#include "text/nfc.h"
#include "text/qwen_tokenizer.h"

namespace {

using namespace heng;

// All bytes, then the longer tokens of the file.
std::vector<std::string> with_all_bytes(const std::vector<std::string>& parsed) {
  std::vector<std::string> ranks;
  for (int b = 0; b < 256; ++b) ranks.push_back(std::string(1, static_cast<char>(b)));
  std::copy_if(parsed.begin(), parsed.end(), std::back_inserter(ranks),
               [](const std::string& token) { return token.size() > 1; });
  return ranks;
}

std::vector<std::string> parse(std::string_view contents) {
  try {
    return text::parse_tiktoken(contents, "fuzz");
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = text::make_qwen_tokenizer(with_all_bytes(parse(input)),
                                                   text::QwenRelease::kDecember2023, "fuzz");
  const std::string wanted = text::to_nfc(replace_invalid_utf8(input));
  for (const SpecialText special : {SpecialText::kPlain, SpecialText::kParse}) {
    if (tokenizer->decode(tokenizer->encode(input, special)) != wanted) std::abort();
  }
  return 0;
}
