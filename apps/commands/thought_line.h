// The line that stands for a thought: counts while the model thinks, says how long it took after.
// Draws nothing where its stream is no terminal. Used from one thread.
#pragma once

#include <chrono>
#include <cstddef>

#include "terminal/terminal.h"

namespace heng::commands {

class ThoughtLine {
 public:
  enum class Count { kShown, kHidden };  // hidden: the thought itself is on the screen

  ThoughtLine(terminal::Stream stream, Count count);

  // Redraws at most ten times a second.
  void update(size_t tokens);
  // The thought is over: the line stays.
  void end(size_t tokens);
  double seconds() const { return seconds_; }  // from the first update to the end

 private:
  using Clock = std::chrono::steady_clock;
  double elapsed() const;

  const terminal::Stream stream_;
  const bool shown_, counts_;
  bool begun_ = false;
  Clock::time_point start_, drawn_;
  double seconds_ = 0;
};

}  // namespace heng::commands
