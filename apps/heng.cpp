// The program `heng`: picks the sub-command, and turns errors into a line and an exit status.
#include <fmt/core.h>

#include <cstdio>
#include <new>
#include <string_view>

#include "commands/commands.h"
#include "heng/error.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace {

using heng::Error;
using heng::ErrorCode;
using heng::terminal::Phrase;
using heng::terminal::text;
namespace commands = heng::commands;
namespace terminal = heng::terminal;

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnsupported:
      return commands::kBadInput;
    case ErrorCode::kInvalidArgument:
      return commands::kUsage;
    case ErrorCode::kOutOfMemory:
      return commands::kNoRoom;
    case ErrorCode::kCancelled:
      return commands::kInterrupted;
    case ErrorCode::kBusy:
    case ErrorCode::kInternal:
      break;
  }
  return commands::kFellShort;
}

// --lang decides the language of --help too, so it is looked for before anything else.
std::string_view named_language(int argc, char** argv) {
  constexpr std::string_view kFlag = "--lang";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == kFlag && i + 1 < argc) return argv[i + 1];
    if (word.starts_with(kFlag) && word.substr(kFlag.size()).starts_with('=')) {
      return word.substr(kFlag.size() + 1);
    }
  }
  return "";
}

void set_up(CLI::App& program, commands::Action& action) {
  static std::string language;
  program.require_subcommand(1);
  program.fallthrough();
  program.get_formatter()->column_width(34);
  program.set_version_flag("--version", "heng " HENG_VERSION);
  program.add_option("--lang", language, text(Phrase::kOptionLang))
      ->check(CLI::IsMember({"en", "zh"}))
      ->option_text("en|zh");
  program.footer(text(Phrase::kExamplesHeng));
  commands::add_chat(program, action);
  commands::add_run(program, action);
  commands::add_tokenize(program, action);
  commands::add_prompt(program, action);
  commands::add_show(program, action);
  commands::add_logits(program, action);
  commands::add_merge(program, action);
  commands::add_bench(program, action);
  commands::add_quantize(program, action);
  commands::add_serve(program, action);
  commands::add_eval(program, action);
}

int usage_error(const CLI::App& program, const CLI::ParseError& error) {
  terminal::print_error(std::string(error.what()) + ".");
  const auto called = program.get_subcommands();
  fmt::print(stderr, "       {}\n",
             text(Phrase::kSeeHelp, called.empty() ? "heng" : "heng " + called[0]->get_name()));
  return commands::kUsage;
}

int run(int argc, char** argv) {
  terminal::set_language(terminal::choose_language(named_language(argc, argv)));
  CLI::App program(text(Phrase::kCommandHeng), "heng");
  commands::Action action;
  set_up(program, action);
  if (argc == 1) {
    fmt::print(stderr, "{}", program.help());
    return commands::kUsage;
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come here too.
    if (error.get_exit_code() == 0) return program.exit(error);
    return usage_error(program, error);
  }
  const int status = action();
  // Results that did not arrive (a full disk) must not look like success.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw Error(ErrorCode::kOutOfMemory,
                "standard output cannot be written: the disk is full or gone.");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    terminal::print_error(error.what());
    return status_of(error.code());
  } catch (const std::bad_alloc&) {
    terminal::print_error("out of memory. A smaller --ctx or another --dtype takes less.");
    return commands::kNoRoom;
  } catch (const std::exception& error) {
    terminal::print_error(error.what());
    return commands::kFellShort;
  }
}
