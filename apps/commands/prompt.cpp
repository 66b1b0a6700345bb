// heng prompt: the exact prompt of a conversation, as text and as ids.
#include <cstdio>
#include <optional>

#include "chat/conversation.h"
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
  std::string model, question, system, format;
  std::optional<size_t> window;
  ThinkOption think;
  bool jsonl = false, json = false;
};

std::filesystem::path generation_file(const std::string& model) {
  const auto path = resolve_model(model);
  return std::filesystem::is_directory(path) ? path : std::filesystem::path();
}

// Upstream's default window stands in generation_config.json.
std::optional<size_t> default_window(const Options& o) {
  if (o.window) return o.window;
  const auto folder = generation_file(o.model);
  if (folder.empty()) return std::nullopt;
  const int64_t window = GenerationConfig::from_pretrained(folder).max_window_size;
  return window > 0 ? std::optional<size_t>(window) : std::nullopt;
}

std::optional<size_t> window_of(const json& line, std::optional<size_t> otherwise) {
  if (!line.contains("max_window_size")) return otherwise;
  const json& value = line.at("max_window_size");
  if (!value.is_number_unsigned()) {
    throw Error(ErrorCode::kCorrupt, "max_window_size: expected an integer of at least 0.");
  }
  return value.get<size_t>();
}

bool think_of(const json& line, bool otherwise) {
  if (!line.contains("think")) return otherwise;
  if (!line.at("think").is_boolean()) {
    throw Error(ErrorCode::kCorrupt, "think: expected true or false.");
  }
  return line.at("think").get<bool>();
}

json to_json(const Prompt& prompt) {
  return {{"text", prompt.text}, {"ids", prompt.ids}, {"dropped_turns", prompt.dropped_turns}};
}

void print_prompt(const Prompt& prompt) {
  const bool careful = terminal::is_terminal(terminal::Stream::kOut);
  std::puts((careful ? terminal::harmless(prompt.text) : prompt.text).c_str());
  std::string ids;
  for (const TokenId id : prompt.ids) ids += (ids.empty() ? "" : " ") + std::to_string(id);
  std::printf("\n%s\n", ids.c_str());
}

int run(const Options& o) {
  const auto format = AutoChatFormat::from_pretrained(o.model, o.format, o.loras);
  const auto tokenizer = AutoTokenizer::from_pretrained(o.model, o.loras);
  const auto window = default_window(o);
  const bool think = o.think.on(format.get());
  if (o.jsonl) {
    answer_json_lines([&](const json& line) {
      const auto messages = chat::messages_from_json(line);
      return to_json(
          format->build(*tokenizer, messages, {window_of(line, window), think_of(line, think)}));
    });
    return kDone;
  }
  std::vector<Message> messages;
  if (!o.system.empty()) messages.push_back({"system", o.system});
  messages.push_back({"user", o.question});
  const Prompt prompt = format->build(*tokenizer, messages, {window, think});
  if (o.json) {
    print_json(to_json(prompt));
  } else {
    print_prompt(prompt);
  }
  return kDone;
}

}  // namespace

void add_prompt(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("prompt", text(Phrase::kCommandPrompt));
  add_model_argument(*command, o->model, o->loras);
  CLI::Option* question =
      command->add_option("QUESTION", o->question, text(Phrase::kOptionQuestion))
          ->option_text(kNoOptionText);
  command->add_flag("--jsonl", o->jsonl, text(Phrase::kOptionPromptJsonl))
      ->excludes(question)
      ->option_text(kNoOptionText);

  command->add_option("--system", o->system, text(Phrase::kOptionSystem))->option_text("TEXT");
  command->add_option("--template", o->format, text(Phrase::kOptionTemplate))->option_text("NAME");
  command
      ->add_option_function<size_t>(
          "--max-window-size", [o](size_t n) { o->window = n; }, text(Phrase::kOptionMaxWindowSize))
      ->option_text("N");
  o->think.add_to(*command);
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesPrompt));
  command->callback([o, question, &action] {
    if (!o->jsonl && question->count() == 0) throw CLI::RequiredError("QUESTION or --jsonl");
    action = [o] { return run(*o); };
  });
}

}  // namespace heng::commands
