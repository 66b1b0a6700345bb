// Any bytes as a list of tools, and as a reply in each syntax, whole and in small pieces: success
// or heng::Error, and the same result however it is cut.
#include <cstdint>

#include "heng/error.h"
#include "heng/tools.h"

namespace {

void parse(heng::ToolSyntax syntax, std::string_view reply) {
  heng::ToolCallStream whole(syntax), pieces(syntax);
  whole.push(reply);
  whole.finish();
  for (size_t at = 0; at < reply.size(); at += 3) pieces.push(reply.substr(at, 3));
  pieces.finish();
  const bool same = whole.text() == pieces.text() && whole.calls().size() == pieces.calls().size();
  // ReAct strips white space, of which a piece may hold half a character.
  if (!same && syntax != heng::ToolSyntax::kReact) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  parse(heng::ToolSyntax::kHermes, text);
  parse(heng::ToolSyntax::kReact, text);
  try {
    heng::parse_tools(text);
  } catch (const heng::Error&) {
  }
  return 0;
}
