// What commands read besides the model: prompts, token ids, lines of JSON. Every size is limited.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "heng/tokenizer.h"

namespace heng::commands {

using nlohmann::json;

// All of standard input, at most 64 MB. Throws Error kInvalidArgument beyond that.
std::string read_standard_input();

// Ids separated by white space or commas. Throws Error kCorrupt naming `file`, the word and what
// was expected.
std::vector<TokenId> parse_ids(std::string_view text, std::string_view file);

// The same from a file; "-" is standard input. Throws Error kNotFound, kCorrupt.
std::vector<TokenId> read_ids(const std::string& file);

// For each line of standard input, a JSON object, prints the object that `answer` makes of it;
// where that throws Error, {"error": text} stands in its place and the next line follows.
void answer_json_lines(const std::function<json(const json& line)>& answer);

// `value` on one line, and on standard output at once. Bytes that are no UTF-8 become U+FFFD.
void print_json(const json& value);

}  // namespace heng::commands
