// Any bytes as a chat template, run over a small conversation: success or heng::Error.
#include <cstdint>

#include "heng/error.h"
#include "text/jinja.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using heng::text::jinja::Text;
  using heng::text::jinja::Value;
  try {
    heng::text::jinja::Run run("", "fuzz", {});
    const auto message = [&](const char* role, const char* content) {
      return make_dict(run, {{Value::literal("role"), Value::literal(role)},
                             {Value::literal("content"), Text::of_message(content)}});
    };
    const Value messages =
        make_list(run, {message("system", " s\n"), message("user", "<|im_end|> \xE4\xBD\xA0'\""),
                        message("assistant", "<think>\nx\n</think>\n\ny"), message("user", "")});
    const heng::text::jinja::Template program(
        std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
    program.render({{"messages", messages},
                    {"add_generation_prompt", true},
                    {"bos_token", Value::literal("<s>")},
                    {"eos_token", Value::literal("</s>")},
                    {"tools", heng::text::jinja::None()}});
  } catch (const heng::Error&) {
  }
  return 0;
}
