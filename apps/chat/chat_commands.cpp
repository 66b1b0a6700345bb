// The commands of a chat: those of Qwen's cli_demo.py, and :regen :save :load :system.
#include <sstream>

#include "chat/chat_session.h"
#include "commands/settings.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::chat {
namespace {

using terminal::Phrase;
using terminal::Stream;
using terminal::Style;
using terminal::text;

enum class Verb {
  kHelp,
  kExit,
  kClear,
  kClearHistory,
  kHistory,
  kSeed,
  kConf,
  kResetConf,
  kRegen,
  kSave,
  kLoad,
  kSystem,
  kThink,
};

struct Command {
  Verb verb;
  std::string_view name, alias, arguments;
  Phrase meaning;
};

// Names and short forms as in Qwen's cli_demo.py.
constexpr Command kCommands[] = {
    {Verb::kHelp, "help", "h", "", Phrase::kChatHelp},
    {Verb::kExit, "exit", "q", "", Phrase::kChatExit},
    {Verb::kClear, "clear", "cl", "", Phrase::kChatClear},
    {Verb::kClearHistory, "clear-his", "clh", "", Phrase::kChatClearHistory},
    {Verb::kHistory, "history", "his", "", Phrase::kChatHistory},
    {Verb::kSeed, "seed", "", "[N|none]", Phrase::kChatSeed},
    {Verb::kConf, "conf", "", "[KEY=VALUE ...]", Phrase::kChatConf},
    {Verb::kResetConf, "reset-conf", "", "", Phrase::kChatResetConf},
    {Verb::kRegen, "regen", "r", "", Phrase::kChatRegen},
    {Verb::kSystem, "system", "", "[TEXT|none]", Phrase::kChatSystem},
    {Verb::kThink, "think", "", "[on|off|show|fold]", Phrase::kChatThink},
    {Verb::kSave, "save", "", "FILE", Phrase::kChatSave},
    {Verb::kLoad, "load", "", "FILE", Phrase::kChatLoad},
};

const Command* find_command(std::string_view name) {
  if (name == "quit") name = "exit";
  for (const Command& command : kCommands) {
    if (command.name == name || (!command.alias.empty() && command.alias == name)) return &command;
  }
  return nullptr;
}

void say(const std::string& line) {
  fmt::print("{}\n", terminal::harmless(line));
}

void need_argument(const Command& command, const std::string& argument) {
  if (argument.empty() && command.arguments == "FILE") {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format(":{} needs the name of a file.", command.name));
  }
}

}  // namespace

ChatSession::Next ChatSession::obey(const std::string& line) {
  const size_t end = line.find_first_of(" \t\n");
  const std::string name = line.substr(1, end == std::string::npos ? end : end - 1);
  const std::string argument(end == std::string::npos ? ""
                                                      : strip(std::string_view(line).substr(end)));
  const Command* command = find_command(name);
  if (!command) {
    say(text(Phrase::kChatUnknown, name));
    return Next::kGoOn;
  }
  need_argument(*command, argument);
  switch (command->verb) {
    case Verb::kHelp:
      print_help();
      break;
    case Verb::kExit:
      return Next::kLeave;
    case Verb::kClear:
      if (terminal::is_terminal(Stream::kOut)) fmt::print("\x1b[2J\x1b[H");
      break;
    case Verb::kClearHistory:
      say(text(Phrase::kHistoryCleared, conversation_.turns.size()));
      conversation_.turns.clear();
      break;
    case Verb::kHistory:
      print_history();
      break;
    case Verb::kSeed:
      argument.empty() ? print_seed() : set_seed(argument);
      break;
    case Verb::kConf:
      argument.empty() ? print_settings() : change_settings(argument);
      break;
    case Verb::kResetConf:
      generation_ = initial_;
      print_settings();
      break;
    case Verb::kRegen:
      ask_again();
      break;
    case Verb::kSystem:
      set_system(argument);
      break;
    case Verb::kThink:
      set_think(argument);
      break;
    case Verb::kSave:
      save(argument);
      break;
    case Verb::kLoad:
      load(argument);
      break;
  }
  return Next::kGoOn;
}

void ChatSession::print_help() const {
  for (const Command& command : kCommands) {
    std::string name = ":" + std::string(command.name);
    if (!command.alias.empty()) name += " :" + std::string(command.alias);
    if (!command.arguments.empty()) name += " " + std::string(command.arguments);
    fmt::print("{:<24} {}\n", name, text(command.meaning));
  }
  fmt::print("\n{}\n", text(Phrase::kChatKeys));
}

void ChatSession::print_history() const {
  if (conversation_.turns.empty()) {
    say(text(Phrase::kHistoryEmpty));
    return;
  }
  for (const auto& [question, answer] : conversation_.turns) {
    fmt::print("{}\n",
               terminal::styled("> " + terminal::harmless(question), Style::kBold, Stream::kOut));
    say(answer);
  }
}

void ChatSession::print_seed() const {
  if (generation_.seed) {
    say(text(Phrase::kSeedFixed, *generation_.seed));
  } else if (last_seed_) {
    say(text(Phrase::kSeedLast, *last_seed_));
  } else {
    say(text(Phrase::kSeedNew));
  }
}

void ChatSession::set_seed(const std::string& value) {
  commands::set_setting(generation_, "seed", value);
  print_seed();
}

void ChatSession::print_settings() const {
  for (const commands::Setting& setting : commands::all_settings()) {
    const std::string value = setting.get(generation_);
    const bool changed = value != setting.get(initial_);
    fmt::print("{:<20} {:<8}{} {}\n", setting.key, value, changed ? "*" : " ",
               terminal::styled(text(setting.meaning), Style::kDim, Stream::kOut));
  }
}

// "top_p=0.5 top_k=0": all of them or, where one is wrong, none.
void ChatSession::change_settings(const std::string& assignments) {
  GenerationConfig changed = generation_;
  std::istringstream words(assignments);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw Error(ErrorCode::kInvalidArgument,
                  ":conf " + word + ": expected KEY=VALUE, for instance :conf top_p=0.5");
    }
    commands::set_setting(changed, word.substr(0, equals), word.substr(equals + 1));
  }
  generation_ = changed;
  print_settings();
}

void ChatSession::ask_again() {
  if (conversation_.turns.empty()) {
    say(text(Phrase::kHistoryEmpty));
    return;
  }
  const auto last = conversation_.turns.back();
  conversation_.turns.pop_back();
  try {
    ask(last.first);
  } catch (...) {
    conversation_.turns.push_back(last);
    throw;
  }
}

void ChatSession::set_system(const std::string& system) {
  if (!system.empty()) conversation_.system = system == "none" ? "" : system;
  const std::string shown(conversation_.system.empty() ? format_->default_system()
                                                       : std::string_view(conversation_.system));
  say(shown.empty() ? text(Phrase::kSystemNone) : text(Phrase::kSystemIs, shown));
}

void ChatSession::set_think(const std::string& argument) {
  if (!format_->thinks()) {
    say(text(Phrase::kThinksNot, format_->name()));
    return;
  }
  if (argument == "show" || argument == "fold") {
    thoughts_ = argument == "show" ? commands::Thoughts::kShow : commands::Thoughts::kFold;
  } else if (argument.empty() || argument == "on" || argument == "off") {
    think_ = argument.empty() ? !think_ : argument == "on";
  } else {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format(":think {}: expected on, off, show or fold.", argument));
  }
  const bool shown = thoughts_ == commands::Thoughts::kShow;
  say(text(!think_ ? Phrase::kThinkOff : shown ? Phrase::kThinkShown : Phrase::kThinkFolded));
}

void ChatSession::save(const std::string& file) const {
  save_conversation(conversation_, file);
  say(text(Phrase::kSaved, file, conversation_.turns.size()));
}

void ChatSession::load(const std::string& file) {
  conversation_ = load_conversation(file);
  say(text(Phrase::kLoaded, file, conversation_.turns.size()));
}

}  // namespace heng::chat
