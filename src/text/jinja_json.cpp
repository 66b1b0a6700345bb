// The filter tojson: Python's json.dumps, as transformers puts it in Jinja's place.
#include <algorithm>

#include "text/jinja_builtins.h"
#include "text/utf8.h"

namespace heng::text::jinja {
namespace {

struct Style {
  bool ascii = false, sort_keys = false;
  std::optional<Text> indent;
  Text between_items{", "}, behind_key{": "};
};

class Writer {
 public:
  Writer(Run& run, const Style& style) : run_(run), style_(style) {}

  void write(const Value& value) {
    run_.charge();
    switch (value.kind()) {
      case Kind::kNone:
        return out.append("null");
      case Kind::kBool:
        return out.append(value.boolean() ? "true" : "false");
      case Kind::kInt:
      case Kind::kFloat:
        return out.append(to_text(run_, value));
      case Kind::kString:
        return write_text(value.text());
      case Kind::kList:
        return write_list(value.list().items);
      case Kind::kDict:
        return write_dict(value.dict().items);
      default:
        run_.fail("tojson: a " + type_name(value) + " cannot be written as JSON");
    }
  }

  Text out;

 private:
  using Member = std::pair<Value, Value>;

  void line(size_t level) {
    if (!style_.indent) return;
    out.append("\n");
    for (size_t i = 0; i < level; ++i) out.append(*style_.indent);
    run_.charge_bytes(level * style_.indent->size());
  }

  void write_list(const std::vector<Value>& items) {
    if (items.empty()) return out.append("[]");
    out.append("[");
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.append(style_.between_items);
      line(level_);
      write(items[i]);
    }
    line(--level_);
    out.append("]");
  }

  void write_dict(std::vector<Member> items) {
    if (items.empty()) return out.append("{}");
    if (style_.sort_keys) {
      std::stable_sort(items.begin(), items.end(), [&](const Member& a, const Member& b) {
        return less(run_, a.first, b.first);
      });
    }
    out.append("{");
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.append(style_.between_items);
      line(level_);
      write_key(items[i].first);
      out.append(style_.behind_key);
      write(items[i].second);
    }
    line(--level_);
    out.append("}");
  }

  // Keys become strings: 1 -> "1", true -> "true".
  void write_key(const Value& key) {
    if (key.is(Kind::kString)) return write_text(key.text());
    if (key.is(Kind::kList)) run_.fail("tojson: a tuple cannot be a key of JSON");
    out.append("\"");
    write(key);
    out.append("\"");
  }

  void write_text(const Text& text) {
    run_.charge(text.size());
    out.append("\"");
    for (size_t at = 0; at < text.size();) {
      const std::string_view rest = std::string_view(text.bytes()).substr(at);
      const size_t length = utf8_step(rest).length;
      const std::string escape = escaped(utf8_decode(rest));
      if (escape.empty()) {
        out.append(text, at, at + length);
      } else {
        out.append(escape, text.is_from_message(at));
      }
      at += length;
    }
    out.append("\"");
  }

  static std::string unit(char32_t code) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out = "\\u";
    for (int i = 4; i-- > 0;) out += kHex[(code >> (4 * i)) & 15];
    return out;
  }

  // Empty where the character stays as it is.
  std::string escaped(char32_t c) const {
    constexpr std::string_view kFrom = "\"\\\n\r\t\f\b", kTo = "\"\\nrtfb";
    if (c < 0x80) {
      const size_t i = kFrom.find(static_cast<char>(c));
      if (i != std::string_view::npos) return {'\\', kTo[i]};
    }
    if (c < 0x20) return unit(c);
    if (!style_.ascii || c < 0x7F + 1) return "";
    if (c < 0x10000) return unit(c);
    return unit(0xD800 + ((c - 0x10000) >> 10)) + unit(0xDC00 + ((c - 0x10000) & 0x3FF));
  }

  Run& run_;
  const Style& style_;
  size_t level_ = 0;
};

}  // namespace

Value to_json(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"},
                         arguments);
  Style style;
  style.ascii = given.truth_or(0, false);
  style.sort_keys = given.truth_or(3, false);
  const Value* indent = given.find(1);
  if (indent && indent->is(Kind::kString)) {
    style.indent = indent->text();
  } else if (indent && !indent->is(Kind::kNone)) {
    constexpr int64_t kMostIndent = 64;
    const int64_t width = given.integer_or(1, 0);
    if (width > kMostIndent) run.refuse("an indent of more than 64");
    style.indent = Text(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '));
  }
  if (style.indent) style.between_items = Text(",");
  if (const Value* marks = given.find(2); marks && !marks->is(Kind::kNone)) {
    const bool pair = marks->is(Kind::kList) && marks->list().items.size() == 2 &&
                      marks->list().items[0].is(Kind::kString) &&
                      marks->list().items[1].is(Kind::kString);
    if (!pair) run.fail("tojson: separators are two strs");
    style.between_items = marks->list().items[0].text();
    style.behind_key = marks->list().items[1].text();
  }
  Writer writer(run, style);
  writer.write(value);
  return std::move(writer.out);
}

}  // namespace heng::text::jinja
