// A bar on standard error for a wait: appears after half a second, with speed and time left, and is
// gone when the wait is over. Draws nothing where standard error is no terminal. Used from one
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace heng::terminal {

// `share` of `columns` columns in eighths: "████▌     ". Always `columns` wide.
std::string bar(double share, int columns);

class ProgressBar {
 public:
  enum class Unit { kBytes, kTokens };

  // `label` stands in front: "loading".
  ProgressBar(std::string label, Unit unit);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Redraws at most ten times a second.
  void update(uint64_t done, uint64_t total);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(uint64_t done, uint64_t total, double seconds) const;

  const std::string label_;
  const Unit unit_;
  const bool shown_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
  bool visible_ = false;
};

}  // namespace heng::terminal
