#include "commands/input.h"

#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/file_map.h"
#include "base/json.h"
#include "base/message.h"
#include "heng/error.h"

namespace heng::commands {
namespace {

constexpr size_t kMaxInputBytes = 64u << 20;
constexpr std::string_view kSeparators = " \t\r\n,";

json answer_line(const std::string& line, size_t number,
                 const std::function<json(const json&)>& answer) {
  try {
    const std::string name = "line " + std::to_string(number);
    const json parsed = parse_json(line, name);
    if (!parsed.is_object()) {
      throw Error(ErrorCode::kCorrupt,
                  name + ": expected a JSON object, found " + parsed.type_name() + ".");
    }
    return answer(parsed);
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

}  // namespace

std::string read_standard_input() {
  std::string text;
  char block[1 << 16];
  while (const size_t n = std::fread(block, 1, sizeof(block), stdin)) {
    if (text.size() + n > kMaxInputBytes) {
      throw Error(ErrorCode::kInvalidArgument,
                  "standard input is longer than 64 MB. Split it into several runs.");
    }
    text.append(block, n);
  }
  return text;
}

std::vector<TokenId> parse_ids(std::string_view text, std::string_view file) {
  std::vector<TokenId> ids;
  while (true) {
    const size_t start = text.find_first_not_of(kSeparators);
    if (start == std::string_view::npos) return ids;
    text.remove_prefix(start);
    const std::string_view word = text.substr(0, text.find_first_of(kSeparators));
    TokenId id = -1;
    const auto result = std::from_chars(word.data(), word.data() + word.size(), id);
    if (result.ec != std::errc() || result.ptr != word.data() + word.size() || id < 0) {
      throw Error(ErrorCode::kCorrupt, std::string(file) + ": word " +
                                           std::to_string(ids.size() + 1) + " is \"" +
                                           printable(word) + "\", expected a token id.");
    }
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
}

std::vector<TokenId> read_ids(const std::string& file) {
  if (file == "-") return parse_ids(read_standard_input(), "standard input");
  return parse_ids(read_text_file(file, kMaxInputBytes), file);
}

void answer_json_lines(const std::function<json(const json& line)>& answer) {
  std::string line;
  for (size_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(kSeparators) == std::string::npos) continue;
    print_json(answer_line(line, number, answer));
  }
}

void print_json(const json& value) {
  std::cout << value.dump(-1, ' ', false, json::error_handler_t::replace) << '\n' << std::flush;
}

}  // namespace heng::commands
