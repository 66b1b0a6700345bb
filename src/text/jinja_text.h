// A string inside a chat template, knowing of each byte whether the template wrote it or a message
// brought it: only what the template wrote may become a special token. The operations are those of
// Python's str, by the character. A Text is valid UTF-8. Plain values; safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heng::text::jinja {

class Text {
 public:
  Text() = default;
  // REQUIRES: `bytes` is valid UTF-8.
  explicit Text(std::string bytes) : bytes_(std::move(bytes)) {}
  // The same, brought by a message.
  static Text of_message(std::string bytes);

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool is_from_message(size_t at) const { return !marks_.empty() && marks_[at] != 0; }

  void append(const Text& other) { append(other, 0, other.size()); }
  void append(const Text& other, size_t begin, size_t end);
  void append(std::string_view bytes, bool from_message = false);
  Text slice(size_t begin, size_t end) const;

 private:
  std::string bytes_;
  std::string marks_;  // a byte each, 1 for what a message brought; empty: nothing is
};

// Python's str.isspace, which re's \s agrees with.
bool is_space(char32_t c);

// Where each character begins, and the size at the end.
std::vector<size_t> character_starts(const Text& text);

// Where `what` is first found from `at` on, or npos: in linear time, as std::string::find is not.
size_t find_bytes(std::string_view text, std::string_view what, size_t at);

enum class Side { kLeft, kRight, kBoth };
// `chars`: what is taken away; nullopt: white space.
Text strip(const Text& text, Side side, std::optional<std::string_view> chars);

// At white space of any length; `most` < 0: no limit to the splits.
std::vector<Text> split_words(const Text& text, int64_t most);
// REQUIRES: `separator` is not empty.
std::vector<Text> split(const Text& text, std::string_view separator, int64_t most);
std::vector<Text> split_lines(const Text& text);
// `most` < 0: all.
Text replace(const Text& text, std::string_view from, const Text& to, int64_t most);

enum class Case {
  kUpper,
  kLower,
  kCapitalized,    // str.capitalize
  kTitle,          // str.title: every run of letters
  kTitleOfFilter,  // the filter: behind white space, "-" and opening brackets
};
// nullopt where a character changes by more than its own mapping (U+00DF becomes two letters).
std::optional<Text> with_case(const Text& text, Case how);

// As Python shows a string inside a list: quoted, escaped.
Text quoted(const Text& text);

}  // namespace heng::text::jinja
