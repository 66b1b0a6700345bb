// heng tokenize: text -> token ids and back.
#include <cstdio>

#include "commands/commands.h"
#include "commands/input.h"
#include "commands/options.h"
#include "heng/auto_model.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  std::vector<std::filesystem::path> loras;
  std::string model, text;
  bool has_text = false, jsonl = false, json = false, decode = false;
  bool parse_special = false, no_bos = false;
};

std::vector<TokenId> encode(const Options& o, const Tokenizer& tokenizer, std::string_view text) {
  auto ids = tokenizer.encode(text, o.parse_special ? SpecialText::kParse : SpecialText::kPlain);
  if (!o.no_bos) {
    const std::vector<TokenId> prefix = tokenizer.prefix();
    ids.insert(ids.begin(), prefix.begin(), prefix.end());
  }
  return ids;
}

json pieces(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  json list = json::array();
  for (const TokenId id : ids) list.push_back(replace_invalid_utf8(tokenizer.token_bytes(id)));
  return list;
}

template <typename T>
T member(const json& line, const char* key, const char* expected) {
  try {
    return line.at(key).get<T>();
  } catch (const json::exception&) {
    throw Error(ErrorCode::kCorrupt,
                "expected " + std::string(expected) + " under \"" + key + "\".");
  }
}

json answer(const Options& o, const Tokenizer& tokenizer, const json& line) {
  if (o.decode) {
    return {{"text",
             tokenizer.decode(member<std::vector<TokenId>>(line, "ids", "a list of token ids"))}};
  }
  return {{"ids", encode(o, tokenizer, member<std::string>(line, "text", "a text"))}};
}

void print_ids(const Options& o, const Tokenizer& tokenizer, const std::string& text) {
  const auto ids = encode(o, tokenizer, text);
  if (o.json) {
    print_json({{"ids", ids}, {"tokens", pieces(tokenizer, ids)}});
    return;
  }
  std::string line;
  for (const TokenId id : ids) line += (line.empty() ? "" : " ") + std::to_string(id);
  std::puts(line.c_str());
}

void print_text(const Options& o, const Tokenizer& tokenizer, const std::string& text) {
  const auto ids = parse_ids(text, o.has_text ? "IDS" : "standard input");
  const std::string decoded = tokenizer.decode(ids);
  if (o.json) {
    print_json({{"text", decoded}});
  } else {
    const bool careful = terminal::is_terminal(terminal::Stream::kOut);
    std::puts((careful ? terminal::harmless(decoded) : decoded).c_str());
  }
}

int run(const Options& o) {
  const auto tokenizer = AutoTokenizer::from_pretrained(o.model, o.loras);
  if (o.jsonl) {
    answer_json_lines([&](const json& line) { return answer(o, *tokenizer, line); });
    return kDone;
  }
  const std::string text = o.has_text ? o.text : read_standard_input();
  if (o.decode) {
    print_text(o, *tokenizer, text);
  } else {
    print_ids(o, *tokenizer, text);
  }
  return kDone;
}

}  // namespace

void add_tokenize(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("tokenize", text(Phrase::kCommandTokenize));
  add_model_argument(*command, o->model, o->loras);
  CLI::Option* input = command->add_option("TEXT", o->text, text(Phrase::kOptionTokenizeText))
                           ->option_text(kNoOptionText);
  command->add_flag("--jsonl", o->jsonl, text(Phrase::kOptionTokenizeJsonl))
      ->excludes(input)
      ->option_text(kNoOptionText);
  command->add_flag("--decode", o->decode, text(Phrase::kOptionDecode));
  command->add_flag("--parse-special", o->parse_special, text(Phrase::kOptionParseSpecial));
  command->add_flag("--no-bos", o->no_bos, text(Phrase::kOptionNoBos));
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesTokenize));
  command->callback([o, input, &action] {
    o->has_text = input->count() > 0;
    action = [o] { return run(*o); };
  });
}

}  // namespace heng::commands
