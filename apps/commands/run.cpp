// heng run: one reply to a prompt, to standard input or to tokens.
#include <cstdio>

#include "commands/commands.h"
#include "commands/input.h"
#include "commands/options.h"
#include "commands/reply_output.h"
#include "heng/auto_model.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  ModelOptions model;
  GenerationOptions generation;
  ThinkOption think;
  std::string prompt, ids_file, system, format;
  bool has_prompt = false, raw = false, parse_special = false, json = false;
};

std::string prompt_text(const Options& o) {
  if (o.has_prompt) return o.prompt;
  if (terminal::is_input_terminal()) {
    fmt::print(stderr, "{}\n", text(Phrase::kReadsStandardInput));
  }
  std::string typed = read_standard_input();
  // The last line end belongs to the shell's echo, not to the prompt.
  if (typed.ends_with('\n')) typed.pop_back();
  return typed;
}

// nullptr: the prompt is continued as it is.
std::shared_ptr<const ChatFormat> chosen_format(const Options& o, const Model& model) {
  if (o.raw || !o.ids_file.empty()) return nullptr;
  if (!o.format.empty()) {
    return AutoChatFormat::from_pretrained(o.model.model, o.format);
  }
  if (model.generation_config().chat_format == "raw") return nullptr;
  if (!model.has_chat_format()) return nullptr;  // no chat model: a text to continue
  // The model owns its format and outlives this command.
  return {std::shared_ptr<void>(), &model.chat_format()};
}

std::vector<TokenId> raw_prompt(const Options& o, const Model& model) {
  if (!o.ids_file.empty()) return read_ids(o.ids_file);
  const Tokenizer& tokenizer = model.tokenizer();
  std::vector<TokenId> ids =
      tokenizer.encode(prompt_text(o), o.parse_special ? SpecialText::kParse : SpecialText::kPlain);
  const std::vector<TokenId> prefix = tokenizer.prefix();
  ids.insert(ids.begin(), prefix.begin(), prefix.end());
  return ids;
}

Request make_request(const Options& o, const Model& model, const ChatFormat* format) {
  GenerationConfig generation = model.generation_config();
  if (format) format->set_defaults(generation);
  o.generation.apply_to(generation);
  const size_t context = model.info().context;
  if (format) {
    std::vector<Message> messages;
    if (!o.system.empty()) messages.push_back({"system", o.system});
    messages.push_back({"user", prompt_text(o)});
    return chat_request(*format, model.tokenizer(), messages, generation, context,
                        {.think = o.think.on(format)})
        .request;
  }
  o.think.on(nullptr);
  Request request{raw_prompt(o, model), generation, {}, {}};
  // Only a length that was asked for is held against the context.
  if (!o.generation.sets("max_new_tokens") && request.prompt.size() < context) {
    request.generation.max_new_tokens =
        std::min<int64_t>(generation.max_new_tokens, context - request.prompt.size());
  }
  return request;
}

int run(const Options& o) {
  o.generation.check();
  const auto model = load_model(o.model, o.json ? Announce::kNo : Announce::kYes);
  const auto format = chosen_format(o, *model);
  if (!o.json) model->tokenizer();  // ids alone can be had as JSON only
  Engine engine(model);
  Request request = make_request(o, *model, format.get());
  const Screen screen{.show = o.json ? Show::kNothing : Show::kText, .format = format.get()};
  const Reply reply = run_on_screen(engine, std::move(request), screen);
  const Completion& completion = reply.completion;
  if (o.json) {
    print_json(to_json(reply, model->info(), format && format->thinks()));
  } else {
    std::puts("");
    if (terminal::is_terminal(terminal::Stream::kErr)) {
      terminal::note(figures(completion, model->info()), terminal::Stream::kErr);
    }
  }
  return completion.finish == FinishReason::kCancelled ? kInterrupted : kDone;
}

}  // namespace

void add_run(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("run", text(Phrase::kCommandRun));
  o->model.add_to(*command);
  CLI::Option* prompt = command->add_option("PROMPT", o->prompt, text(Phrase::kOptionPrompt))
                            ->option_text(kNoOptionText);
  command->add_option("--ids", o->ids_file, text(Phrase::kOptionIdsPrompt))
      ->option_text("FILE")
      ->excludes(prompt);
  command->add_option("--system", o->system, text(Phrase::kOptionSystem))->option_text("TEXT");
  command->add_option("--template", o->format, text(Phrase::kOptionTemplate))->option_text("NAME");
  command->add_flag("--raw", o->raw, text(Phrase::kOptionRaw));
  command->add_flag("--parse-special", o->parse_special, text(Phrase::kOptionParseSpecial));
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  o->think.add_to(*command);
  o->generation.add_to(*command);
  command->footer(text(Phrase::kExamplesRun));
  command->callback([o, prompt, &action] {
    o->has_prompt = prompt->count() > 0;
    action = [o] { return run(*o); };
  });
}

}  // namespace heng::commands
