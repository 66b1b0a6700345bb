#include "commands/reply_output.h"

#include <fmt/core.h>

#include <cstdio>
#include <optional>

#include "base/message.h"
#include "commands/thought_line.h"
#include "terminal/interrupt.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"

namespace heng::commands {
namespace {

using terminal::Phrase;

// What of a reply goes where while it comes.
class Writer {
 public:
  Writer(const Screen& screen, const Model& model)
      : screen_(screen),
        terminal_(terminal::is_terminal(terminal::Stream::kOut)),
        line_(screen.notes, screen.thoughts == Thoughts::kShow ? ThoughtLine::Count::kHidden
                                                               : ThoughtLine::Count::kShown) {
    if (screen.format) stream_.emplace(*screen.format, model.tokenizer());
  }

  void take(const TokenEvent& event) {
    if (!stream_) return write(event.text);
    const bool thought = stream_->thinking();
    const ReplyStream::Shown shown = stream_->push(event.id, event.text);
    if (thought || stream_->thinking()) think(shown.thought);
    if (thought && !stream_->thinking()) end_thought();
    write(shown.answer);
  }

  void finish(Reply& reply) {
    if (!stream_) {
      reply.text = reply.completion.text;
      return;
    }
    const ReplyStream::Shown rest = stream_->finish();
    if (stream_->thinking()) {
      think(rest.thought);
      end_thought();
    }
    write(rest.answer);
    reply.text = stream_->answer();
    reply.thought = stream_->thought();
    reply.thought_tokens = stream_->thought_tokens();
    reply.thought_seconds = line_.seconds();
  }

 private:
  void think(std::string_view text) {
    if (screen_.show == Show::kNothing) return;
    line_.update(stream_->thought_tokens());
    if (screen_.thoughts == Thoughts::kFold || text.empty()) return;
    put(terminal::styled(terminal_ ? terminal::harmless(text) : std::string(text),
                         terminal::Style::kDim, terminal::Stream::kOut));
  }

  void end_thought() {
    if (screen_.thoughts == Thoughts::kShow && !stream_->thought().empty()) write("\n");
    line_.end(stream_->thought_tokens());
  }

  void write(std::string_view text) const {
    if (text.empty() || screen_.show == Show::kNothing) return;
    put(terminal_ ? terminal::harmless(text) : std::string(text));
  }

  static void put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  const Screen& screen_;
  const bool terminal_;
  std::optional<ReplyStream> stream_;
  ThoughtLine line_;
};

// Tokens that were computed one by one: the first comes with the prompt, and the end token counts.
size_t generated_steps(const Completion& completion) {
  const size_t n = completion.ids.size();
  return completion.finish == FinishReason::kStop || n == 0 ? n : n - 1;
}

}  // namespace

Reply run_on_screen(Engine& engine, Request request, const Screen& screen) {
  terminal::Interrupt interrupt;
  terminal::ProgressBar bar(text(Phrase::kReadingPrompt), terminal::ProgressBar::Unit::kTokens);
  Writer writer(screen, engine.model());
  request.on_prompt = [&](size_t done, size_t total) {
    bar.update(done, total);
    return !terminal::Interrupt::asked();
  };
  request.on_token = [&](const TokenEvent& event) {
    bar.clear();
    writer.take(event);
    return !terminal::Interrupt::asked();
  };
  Reply reply;
  reply.completion = engine.run(request);
  writer.finish(reply);
  return reply;
}

double generation_speed(const Completion& completion) {
  if (completion.generation_seconds <= 0) return 0;
  return static_cast<double>(generated_steps(completion)) / completion.generation_seconds;
}

double prompt_speed(const Completion& completion) {
  if (completion.prompt_seconds <= 0) return 0;
  return static_cast<double>(completion.prompt_tokens - completion.reused_tokens) /
         completion.prompt_seconds;
}

std::string figures(const Completion& completion, const ModelInfo& info) {
  const size_t n = completion.ids.size();
  return text(n == 1 ? Phrase::kFiguresOne : Phrase::kFigures, with_commas(n),
              terminal::short_number(generation_speed(completion)),
              terminal::duration(completion.prompt_seconds),
              with_commas(completion.prompt_tokens + n), with_commas(info.context));
}

nlohmann::json to_json(const Reply& reply, const ModelInfo& info, bool thinks) {
  const Completion& completion = reply.completion;
  nlohmann::json json = {{"model", info.name},
                         {"dtype", info.computed_as},
                         {"ids", completion.ids},
                         {"text", reply.text},
                         {"finish_reason", finish_reason_name(completion.finish)},
                         {"seed", completion.seed},
                         {"prompt_tokens", completion.prompt_tokens},
                         {"prompt_seconds", completion.prompt_seconds},
                         {"prompt_tokens_per_second", prompt_speed(completion)},
                         {"generation_tokens", completion.ids.size()},
                         {"generation_seconds", completion.generation_seconds},
                         {"generation_tokens_per_second", generation_speed(completion)}};
  if (!thinks) return json;
  json["thought"] = reply.thought;
  json["thought_tokens"] = reply.thought_tokens;
  return json;
}

}  // namespace heng::commands
