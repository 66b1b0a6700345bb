#include "eval/scoring/humaneval.h"

#include <algorithm>
#include <array>
#include <optional>

#include "eval/scoring/code_points.h"
#include "eval/scoring/gsm8k.h"

namespace heng::eval {
namespace {

constexpr size_t kNone = RunesView::npos;

// Behind "def", white space and a name that begins with `entry`, from `from` on.
size_t behind_definition(RunesView text, RunesView entry, size_t from) {
  for (size_t at = text.find(U"def", from); at != kNone; at = text.find(U"def", at + 1)) {
    size_t name = at + 3;
    while (name < text.size() && is_space(text[name])) ++name;
    if (name > at + 3 && text.substr(name).starts_with(entry)) return name + entry.size();
  }
  return kNone;
}

// Behind the colon and newline that end a signature.
size_t body_behind(RunesView text, size_t from) {
  if (from == kNone) return kNone;
  const size_t colon = text.find(U":\n", from);
  return colon == kNone ? kNone : colon + 2;
}

// A body without a fence ends at the first line end with no indented line behind it.
size_t unfenced_end(RunesView text, size_t begin) {
  for (size_t at = begin; at < text.size(); ++at) {
    if (text[at] != U'\n') continue;
    size_t next = at + 1;
    while (next < text.size() && text[next] == U'\n') ++next;
    const RunesView line = text.substr(next);
    if (!line.starts_with(U"  ") && !line.starts_with(U"\t")) return at;
    if (at + 1 == text.size()) return at;
  }
  return text.size();
}

bool ends_line(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

// textwrap.indent by four blanks: lines that are not blank.
Runes indented(RunesView text) {
  Runes out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !ends_line(text[end])) ++end;
    if (end < text.size()) end += text.substr(end).starts_with(U"\r\n") ? 2 : 1;
    const RunesView line = text.substr(at, end - at);
    if (!strip_spaces(line).empty()) out += U"    ";
    out += line;
    at = end;
  }
  return out;
}

}  // namespace

std::string humaneval_base_completion(std::string_view reply) {
  static constexpr std::array<std::string_view, 4> kStops = {"<|endoftext|>", "\n\n\n", "\n\n",
                                                             "def "};
  return std::string(cut_at(reply, kStops));
}

std::string humaneval_chat_completion(std::string_view reply, std::string_view entry_point) {
  const Runes text = to_runes(reply), entry = to_runes(entry_point);
  const RunesView view = text;
  const size_t fence = view.find(U"```");
  if (fence != kNone) {
    const size_t begin = body_behind(view, behind_definition(view, entry, fence + 3));
    const size_t end = begin == kNone ? kNone : view.find(U"\n```", begin);
    if (end != kNone) return to_utf8(view.substr(begin, end - begin));
  }
  size_t begin = body_behind(view, behind_definition(view, entry, 0));
  if (begin == kNone) {
    const size_t any = view.find(U"def");
    begin = body_behind(view, any == kNone ? kNone : any + 3);
  }
  if (begin == kNone) return to_utf8(indented(view));
  return to_utf8(view.substr(begin, unfenced_end(view, begin) - begin));
}

std::string humaneval_signature(std::string_view prompt, std::string_view entry_point) {
  const Runes text = to_runes(prompt), entry = to_runes(entry_point);
  const RunesView view = text;
  const size_t behind = behind_definition(view, entry, 0);
  if (behind == kNone) return "";
  const size_t name = behind - entry.size();
  for (size_t colon = behind; colon < view.size() && view[colon] != U'\n'; ++colon) {
    if (view[colon] != U':') continue;
    size_t end = colon + 1;
    while (end < view.size() && is_space(view[end]) && view[end] != U'\n') ++end;
    if (end < view.size() && view[end] == U'\n') return to_utf8(view.substr(name, colon - name));
  }
  return "";
}

std::string humaneval_docstring(std::string_view prompt) {
  const auto quotes_from = [&](size_t from) {
    return std::min(prompt.find("\"\"\"", from), prompt.find("'''", from));
  };
  const size_t open = quotes_from(0);
  if (open == std::string_view::npos) return "";
  const size_t close = quotes_from(open + 3);
  if (close == std::string_view::npos) return "";
  const Runes text = to_runes(prompt.substr(open + 3, close - open - 3));
  Runes out;
  for (size_t at = 0; at <= text.size();) {
    size_t end = text.find(U'\n', at);
    if (end == kNone) end = text.size();
    if (at > 0) out += U'\n';
    out += strip_spaces(RunesView(text).substr(at, end - at));
    at = end + 1;
  }
  return to_utf8(out);
}

}  // namespace heng::eval
