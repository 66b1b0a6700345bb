// heng chat: a conversation at the terminal, or one answer.
#include <cstdio>

#include "chat/chat_session.h"
#include "commands/commands.h"
#include "commands/input.h"
#include "commands/options.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

// The model that `make chat` fetches.
constexpr std::string_view kToyModel = "SmolLM2-135M";

struct Options {
  ModelOptions model;
  GenerationOptions generation;
  ThinkOption think;
  std::string question, system, format;
  bool once = false;
};

std::shared_ptr<const ChatFormat> chosen_format(const Options& o,
                                                const std::shared_ptr<const Model>& model) {
  if (!o.format.empty()) {
    return AutoChatFormat::from_pretrained(o.model.model, o.format);
  }
  return {model, &model->chat_format()};
}

std::string question_of(const Options& o) {
  const std::string question = o.once ? o.question : read_standard_input();
  if (strip(question).empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "no question: standard input is empty and no terminal. Give --prompt TEXT.");
  }
  return std::string(strip(question));
}

int run(const Options& o) {
  o.generation.check();
  const bool interactive = !o.once && terminal::is_input_terminal();
  const std::string question = interactive ? "" : question_of(o);
  const auto model = load_model(o.model, Announce::kYes);
  if (model->info().name.find(kToyModel) != std::string::npos) {
    terminal::note(text(Phrase::kToyModel), terminal::Stream::kErr);
  }
  const auto format = chosen_format(o, model);
  const bool think = o.think.on(format.get());
  GenerationConfig generation = model->generation_config();
  format->set_defaults(generation);
  o.generation.apply_to(generation);
  chat::ChatSession session(model, format, generation, o.system, think);
  return interactive ? session.run() : session.answer_once(question);
}

}  // namespace

void add_chat(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("chat", text(Phrase::kCommandChat));
  o->model.add_to(*command);
  CLI::Option* prompt =
      command->add_option("--prompt", o->question, text(Phrase::kOptionChatPrompt))
          ->option_text("TEXT");
  command->add_option("--system", o->system, text(Phrase::kOptionSystem))->option_text("TEXT");
  command->add_option("--template", o->format, text(Phrase::kOptionTemplate))->option_text("NAME");
  o->think.add_to(*command);
  o->generation.add_to(*command);
  command->footer(text(Phrase::kExamplesChat));
  command->callback([o, prompt, &action] {
    o->once = prompt->count() > 0;
    action = [o] { return run(*o); };
  });
}

}  // namespace heng::commands
