#include "eval/template.h"

namespace heng::eval {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Calls `on_text` and `on_name` for the parts of `text`, in order.
template <typename OnText, typename OnName>
void walk(std::string_view text, const OnText& on_text, const OnName& on_name) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t open = text.find('{', at);
    if (open == std::string_view::npos) break;
    size_t close = open + 1;
    while (close < text.size() && is_name_char(text[close])) ++close;
    if (close == open + 1 || close == text.size() || text[close] != '}') {
      on_text(text.substr(at, open + 1 - at));
      at = open + 1;
      continue;
    }
    on_text(text.substr(at, open - at));
    on_name(text.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  on_text(text.substr(at));
}

}  // namespace

std::vector<std::string> placeholders(std::string_view text) {
  std::vector<std::string> names;
  walk(
      text, [](std::string_view) {}, [&](std::string_view name) { names.emplace_back(name); });
  return names;
}

std::string fill_in(std::string_view text, const Fields& fields) {
  std::string out;
  walk(
      text, [&](std::string_view part) { out += part; },
      [&](std::string_view name) {
        const auto found = fields.find(name);
        if (found == fields.end()) {
          out.append("{").append(name).append("}");
        } else {
          out += found->second;
        }
      });
  return out;
}

}  // namespace heng::eval
