#include "terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace heng::terminal {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

bool has_styles() {
  static const bool has = [] {
    const char* term = std::getenv("TERM");
    return !is_set("NO_COLOR") && term && *term && std::string_view(term) != "dumb";
  }();
  return has;
}

struct Character {
  int32_t code;  // -1: not UTF-8
  size_t length;
};

Character first_character(std::string_view text) {
  utf8proc_int32_t code = -1;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto n = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &code);
  return n > 0 ? Character{code, static_cast<size_t>(n)} : Character{-1, 1};
}

void append(std::string& out, int32_t code) {
  utf8proc_uint8_t bytes[4];
  out.append(reinterpret_cast<const char*>(bytes), utf8proc_encode_char(code, bytes));
}

// What stands for a character that terminals obey, or 0 where it is shown as it is.
int32_t visible_sign(int32_t code) {
  constexpr int32_t kPictures = 0x2400, kDelete = 0x2421, kReplacement = 0xfffd;
  if (code == '\n' || code == '\t') return 0;
  if (code < 0) return kReplacement;
  if (code < 0x20) return kPictures + code;
  if (code == 0x7f) return kDelete;
  if (code < 0xa0 && code >= 0x80) return kReplacement;       // C1: eight-bit escape sequences
  if (code >= 0x202a && code <= 0x202e) return kReplacement;  // bidirectional overrides
  if (code >= 0x2066 && code <= 0x2069) return kReplacement;  // and isolates
  return 0;
}

}  // namespace

bool is_terminal(Stream stream) {
  return isatty(stream == Stream::kOut ? STDOUT_FILENO : STDERR_FILENO) == 1;
}

bool is_input_terminal() {
  return isatty(STDIN_FILENO) == 1;
}

int width() {
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    winsize size{};
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  }
  return 80;
}

std::string styled(std::string_view text, Style style, Stream stream) {
  if (!is_terminal(stream) || !has_styles()) return std::string(text);
  const char* start = style == Style::kDim    ? "\x1b[2m"
                      : style == Style::kBold ? "\x1b[1m"
                                              : "\x1b[31m";
  return start + std::string(text) + "\x1b[0m";
}

int columns(std::string_view text) {
  int sum = 0;
  while (!text.empty()) {
    const Character c = first_character(text);
    sum += c.code < 0 ? 1 : utf8proc_charwidth(c.code);
    text.remove_prefix(c.length);
  }
  return sum;
}

std::string right_aligned(std::string_view text, int most) {
  const int room = std::min(most, width() - 1) - columns(text);
  return std::string(std::max(room, 0), ' ') + std::string(text);
}

std::string wrapped(std::string_view text, Stream stream, int indent) {
  if (!is_terminal(stream)) return std::string(text);
  const int most = width() - 1;
  std::string out;
  int used = 0;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space == text.npos ? space : space + 1);
    const int word_columns = columns(word) - (word.ends_with(' ') ? 1 : 0);
    if (used > indent && used + word_columns > most) {
      while (out.ends_with(' ')) out.pop_back();
      out += '\n' + std::string(indent, ' ');
      used = indent;
    }
    out += word;
    used = word.ends_with('\n') ? 0 : used + columns(word);
    text.remove_prefix(word.size());
  }
  return out;
}

std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character c = first_character(text);
    if (const int32_t sign = visible_sign(c.code)) {
      append(out, sign);
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(c.length);
  }
  return out;
}

void note(std::string_view line, Stream stream) {
  const std::string text = styled(wrapped(harmless(line), stream), Style::kDim, stream) + '\n';
  std::fputs(text.c_str(), stream == Stream::kOut ? stdout : stderr);
}

void print_error(std::string_view message) {
  constexpr int kIndent = 7;  // columns of "error: "
  std::string problem = harmless(message);
  std::replace(problem.begin(), problem.end(), '\n', ' ');
  std::string next;
  if (const size_t end = problem.find(". "); end != std::string::npos) {
    next = std::string(kIndent, ' ') + problem.substr(end + 2) + '\n';
    problem.resize(end + 1);
  }
  const std::string head = wrapped("error: " + problem, Stream::kErr, kIndent).substr(kIndent);
  std::fflush(stdout);
  std::fprintf(stderr, "%s %s\n%s", styled("error:", Style::kRed, Stream::kErr).c_str(),
               head.c_str(), wrapped(next, Stream::kErr, kIndent).c_str());
}

}  // namespace heng::terminal
