#include "text/jinja_lexer.h"

#include <algorithm>
#include <array>

#include "base/message.h"
#include "heng/error.h"
#include "text/jinja_run.h"
#include "text/jinja_text.h"
#include "text/utf8.h"

namespace heng::text::jinja {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

// Longest first.
constexpr std::array<std::string_view, 26> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view file) : source_(source), file_(file) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = next_tag();
      add_text(tag);
      if (tag == source_.size()) break;
      at_ = tag;
      take_tag();
    }
    tokens_.push_back({TokenType::kEnd, "", source_.size()});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(size_t offset, const std::string& problem) const {
    fail_syntax(source_, file_, offset, problem);
  }

  std::string_view rest() const { return source_.substr(at_); }
  bool next_is(std::string_view text) const { return rest().starts_with(text); }

  // Of "{{", "{%" or "{#"; the end where there is none.
  size_t next_tag() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i) {
      const char kind = source_[i + 1];
      if (source_[i] == '{' && (kind == '{' || kind == '%' || kind == '#')) return i;
    }
    return source_.size();
  }

  // The text up to the tag, without the white space that the tag takes away in front of it.
  void add_text(size_t tag) {
    std::string_view text = source_.substr(at_, tag - at_);
    if (tag < source_.size()) {
      const char kind = source_[tag + 1];
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      if (sign == '-') {
        text = text.substr(0, strip_right(text).size());
      } else if (sign != '+' && kind != '{') {
        // lstrip_blocks: nothing but white space since the line began.
        const size_t line = text.rfind('\n') + 1;
        if ((line > 0 || line_starting_) && strip_right(text.substr(line)).empty()) {
          text = text.substr(0, line);
        }
      }
    }
    if (!text.empty()) tokens_.push_back({TokenType::kText, std::string(text), at_});
  }

  static std::string_view strip_right(std::string_view text) {
    const Text stripped = strip(Text(std::string(text)), Side::kRight, std::nullopt);
    return text.substr(0, stripped.size());
  }

  void take_tag() {
    const size_t begin = at_;
    const char kind = source_[at_ + 1];
    at_ += 2;
    if (at_ < source_.size() && (source_[at_] == '-' || source_[at_] == '+')) ++at_;
    if (kind == '#') return skip_comment(begin);
    const bool output = kind == '{';
    tokens_.push_back({output ? TokenType::kOutputBegin : TokenType::kBlockBegin, "", begin});
    const size_t first = tokens_.size();
    while (!take_end(output)) {
      if (at_ >= source_.size()) fail(begin, "the tag is not closed");
      take_token();
    }
    // What is inside would have to be read as text.
    if (!output && tokens_[first].value == "raw") fail(begin, "the tag \"raw\" is not supported");
  }

  void skip_comment(size_t begin) {
    const size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) fail(begin, "the comment is not closed");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    at_ = end + 2;
    leave_tag(end, sign, true);
  }

  // Whether the tag ends here. Inside brackets its end is read as operators.
  bool take_end(bool output) {
    skip_spaces();
    if (!brackets_.empty()) return false;
    const std::string_view mark = output ? "}}" : "%}";
    const bool has_sign = next_is("-") || (!output && next_is("+"));
    if (!source_.substr(std::min(at_ + has_sign, source_.size())).starts_with(mark)) return false;
    const size_t begin = at_;
    const char sign = has_sign ? source_[at_] : '\0';
    at_ += mark.size() + has_sign;
    tokens_.push_back({output ? TokenType::kOutputEnd : TokenType::kBlockEnd, "", begin});
    leave_tag(begin, sign, !output);
    return true;
  }

  // The white space that a tag takes away behind it; `trims`: a line end at least (trim_blocks).
  void leave_tag(size_t begin, char sign, bool trims) {
    if (sign == '-') {
      skip_spaces();
    } else if (sign != '+' && trims && next_is("\n")) {
      ++at_;
    }
    line_starting_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  void skip_spaces() {
    while (at_ < source_.size()) {
      const size_t length = utf8_step(rest()).length;
      if (!is_space(utf8_decode(rest()))) return;
      at_ += length;
    }
  }

  void take_token() {
    const char c = source_[at_];
    if (is_name_start(c)) {
      const size_t begin = at_;
      while (at_ < source_.size() && is_name_part(source_[at_])) ++at_;
      add(TokenType::kName, begin);
    } else if (is_digit(c)) {
      take_number();
    } else if (c == '"' || c == '\'') {
      take_string(c);
    } else {
      take_operator();
    }
  }

  void add(TokenType type, size_t begin) {
    tokens_.push_back({type, std::string(source_.substr(begin, at_ - begin)), begin});
  }

  void skip_digits() {
    while (at_ < source_.size() && is_digit(source_[at_])) ++at_;
  }

  void take_number() {
    const size_t begin = at_;
    const auto digit_at = [&](size_t i) { return i < source_.size() && is_digit(source_[i]); };
    skip_digits();
    bool is_float = false;
    // Behind a dot a number is an index: "pair.0.1".
    const bool is_index = begin > 0 && source_[begin - 1] == '.';
    if (!is_index && next_is(".") && digit_at(at_ + 1)) {
      is_float = true;
      ++at_;
      skip_digits();
    }
    if (!is_index && (next_is("e") || next_is("E"))) {
      const bool sign =
          at_ + 1 < source_.size() && (source_[at_ + 1] == '+' || source_[at_ + 1] == '-');
      if (digit_at(at_ + 1 + sign)) {
        is_float = true;
        at_ += 1 + sign;
        skip_digits();
      }
    }
    if (at_ < source_.size() && is_name_part(source_[at_])) {
      fail(begin, "a number that is not decimal digits is not supported");
    }
    add(is_float ? TokenType::kFloat : TokenType::kInteger, begin);
    const std::string& digits = tokens_.back().value;
    if (!is_float && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos) {
      fail(begin, "the integer " + digits + " begins with 0");
    }
  }

  void take_operator() {
    for (const std::string_view op : kOperators) {
      if (!next_is(op)) continue;
      balance(op);
      const size_t begin = at_;
      at_ += op.size();
      return add(TokenType::kOperator, begin);
    }
    fail(at_, "unexpected \"" + printable(rest().substr(0, utf8_step(rest()).length)) + "\"");
  }

  void balance(std::string_view op) {
    constexpr std::string_view kOpening = "([{", kClosing = ")]}";
    if (const size_t i = kOpening.find(op); i != std::string_view::npos) {
      brackets_ += kClosing[i];
    } else if (kClosing.find(op) != std::string_view::npos) {
      if (brackets_.empty() || brackets_.back() != op[0]) {
        fail(at_, "unexpected \"" + std::string(op) + "\"");
      }
      brackets_.pop_back();
    }
  }

  void take_string(char quote) {
    const size_t begin = at_++;
    std::string value;
    while (true) {
      if (at_ >= source_.size()) fail(begin, "the string is not closed");
      const char c = source_[at_++];
      if (c == quote) break;
      if (c != '\\') {
        value += c;
      } else if (at_ < source_.size()) {
        take_escape(value);
      }
    }
    tokens_.push_back({TokenType::kString, std::move(value), begin});
  }

  // Python's, of a str literal; behind the backslash.
  void take_escape(std::string& out) {
    constexpr std::string_view kNames = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
    const size_t begin = at_ - 1;
    const char c = source_[at_++];
    if (const size_t i = kNames.find(c); i != std::string_view::npos) {
      out += kMeanings[i];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      take_code(c == 'x' ? 2 : c == 'u' ? 4 : 8, begin, out);
    } else if (c >= '0' && c <= '7') {
      char32_t code = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '7';
           ++i) {
        code = code * 8 + static_cast<char32_t>(source_[at_++] - '0');
      }
      utf8_append(code, out);
    } else if (c == 'N') {
      fail(begin, "the escape \\N is not supported");
    } else if (c != '\n') {  // a line end behind a backslash is nothing
      out += {'\\', c};
    }
  }

  void take_code(int digits, size_t begin, std::string& out) {
    char32_t code = 0;
    for (int i = 0; i < digits; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const char c = at_ < source_.size() ? source_[at_++] : ' ';
      const size_t digit = kDigits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
      if (digit == std::string_view::npos) fail(begin, "an escape needs more hexadecimal digits");
      code = code * 16 + static_cast<char32_t>(digit);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      fail(begin, "the escape is no character");
    }
    utf8_append(code, out);
  }

  const std::string_view source_, file_;
  size_t at_ = 0;
  bool line_starting_ = true;
  std::string brackets_;  // that close what is open, innermost last
  std::vector<Token> tokens_;
};

}  // namespace

void fail_syntax(std::string_view source, std::string_view file, size_t offset,
                 const std::string& problem) {
  throw Error(ErrorCode::kUnsupported, place_of(source, file, offset) + ": " + problem);
}

std::string normalised_source(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      i += source.substr(i).starts_with("\r\n");
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::vector<Token> lex(std::string_view source, std::string_view file) {
  return Lexer(source, file).run();
}

}  // namespace heng::text::jinja
