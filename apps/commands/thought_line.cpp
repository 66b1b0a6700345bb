#include "commands/thought_line.h"

#include <fmt/core.h>

#include <cstdio>

#include "base/message.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"

namespace heng::commands {

using terminal::Phrase;
using terminal::Stream;

namespace {

void print(Stream stream, const std::string& text) {
  std::FILE* out = stream == Stream::kOut ? stdout : stderr;
  fmt::print(out, "{}", text);
  std::fflush(out);
}

}  // namespace

ThoughtLine::ThoughtLine(Stream stream, Count count)
    : stream_(stream),
      shown_(terminal::is_terminal(stream)),
      counts_(shown_ && count == Count::kShown) {}

double ThoughtLine::elapsed() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void ThoughtLine::update(size_t tokens) {
  const auto now = Clock::now();
  if (!begun_) start_ = now;
  const bool due = !begun_ || now - drawn_ >= std::chrono::milliseconds(100);
  begun_ = true;
  if (!counts_ || !due) return;
  drawn_ = now;
  const std::string line =
      terminal::text(Phrase::kThinking, with_commas(tokens), terminal::duration(elapsed()));
  print(stream_, "\r" + terminal::styled(line, terminal::Style::kDim, stream_) + "\x1b[K");
}

void ThoughtLine::end(size_t tokens) {
  if (!begun_) return;
  begun_ = false;
  seconds_ = elapsed();
  if (counts_) print(stream_, "\r\x1b[K");
  if (!shown_) return;
  terminal::note(
      terminal::text(Phrase::kThoughtFor, with_commas(tokens), terminal::duration(seconds_)),
      stream_);
}

}  // namespace heng::commands
