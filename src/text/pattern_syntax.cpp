#include "text/pattern_syntax.h"

#include "base/message.h"
#include "text/utf8.h"

namespace heng::text {
namespace {

constexpr size_t kLongestPattern = 8192;
constexpr std::string_view kGroups[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Walks a pattern from left to right; every function takes what it knows off the front of rest_.
class Checker {
 public:
  explicit Checker(std::string_view pattern) : rest_(pattern) {}

  std::optional<std::string> run() {
    while (!rest_.empty() && !problem_) {
      if (rest_[0] == '\\') {
        escape();
      } else if (rest_[0] == '[') {
        set();
      } else if (rest_[0] == '(') {
        group();
      } else if (rest_[0] == '{') {
        repeat();
      } else if (rest_[0] == '^' || rest_[0] == '$') {
        refuse(1);  // Oniguruma's hold at every line
      } else {
        rest_.remove_prefix(1);
      }
    }
    return problem_;
  }

 private:
  void refuse(size_t length) {
    problem_ = "\"" + printable(rest_.substr(0, length)) + "\" in a pattern";
  }

  void escape() {
    const char c = rest_.size() > 1 ? rest_[1] : '\0';
    constexpr std::string_view kSame = "sSdDrntf";
    const bool punctuation = c > ' ' && c < '\x7f' && !is_digit(c) && !is_letter(c);
    if (punctuation || kSame.find(c) != std::string_view::npos) return rest_.remove_prefix(2);
    if (c != 'p' && c != 'P') return refuse(2);
    const size_t end = rest_.find('}');
    if (end == std::string_view::npos) return refuse(3);
    const std::string_view name = rest_.substr(2, end - 2);
    // General categories are the same to both; of longer names only what was seen and compared.
    const bool category = (name.size() == 2 || name.size() == 3) && is_letter(name[1]);
    if (name.starts_with('{') && (category || name == "{Han")) return rest_.remove_prefix(end + 1);
    refuse(end + 1);
  }

  void set() {
    rest_.remove_prefix(1);
    if (rest_.starts_with('^')) rest_.remove_prefix(1);
    if (rest_.starts_with(']')) return refuse(1);
    while (!rest_.empty() && !problem_ && rest_[0] != ']') {
      if (rest_[0] == '\\') {
        escape();
      } else if (rest_[0] == '[') {
        refuse(1);  // a set inside a set, or a POSIX name
      } else if (rest_.starts_with("&&")) {
        refuse(2);  // an intersection
      } else {
        rest_.remove_prefix(1);
      }
    }
    if (!rest_.empty() && !problem_) rest_.remove_prefix(1);
  }

  void group() {
    if (!rest_.starts_with("(?") && !rest_.starts_with("(*")) return rest_.remove_prefix(1);
    for (const std::string_view known : kGroups) {
      if (rest_.starts_with(known)) return rest_.remove_prefix(known.size());
    }
    refuse(4);
  }

  // {2}, {2,}, {2,3}. A sign behind makes it greedy, lazy or possessive, to each in its own way.
  void repeat() {
    size_t at = 1;
    const auto digits = [&] {
      const size_t begin = at;
      while (at < rest_.size() && is_digit(rest_[at])) ++at;
      return at > begin;
    };
    bool known = digits();
    if (known && at < rest_.size() && rest_[at] == ',') {
      ++at;
      digits();
    }
    known = known && at < rest_.size() && rest_[at] == '}';
    ++at;
    if (!known) return refuse(at);
    const bool sign = at < rest_.size() && (rest_[at] == '+' || rest_[at] == '?');
    if (sign) return refuse(at + 1);
    rest_.remove_prefix(at);
  }

  std::string_view rest_;
  std::optional<std::string> problem_;
};

}  // namespace

std::optional<std::string> pattern_problem(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) {
    return "a pattern of " + std::to_string(pattern.size()) + " bytes, over " +
           std::to_string(kLongestPattern);
  }
  if (!is_valid_utf8(pattern)) return "a pattern that is no UTF-8";
  return Checker(pattern).run();
}

}  // namespace heng::text
