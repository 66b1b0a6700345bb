#include "terminal/progress_bar.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "base/message.h"
#include "terminal/numbers.h"
#include "terminal/terminal.h"

namespace heng::terminal {

std::string bar(double share, int columns) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::clamp(share, 0.0, 1.0) * columns * 8 + 0.5);
  std::string text;
  for (int i = 0; i < eighths / 8; ++i) text += "█";
  text += kEighths[eighths % 8];
  const int used = (eighths + 7) / 8;
  return text + std::string(columns - used, ' ');
}

ProgressBar::ProgressBar(std::string label, Unit unit)
    : label_(std::move(label)), unit_(unit), shown_(is_terminal(Stream::kErr)) {}

void ProgressBar::update(uint64_t done, uint64_t total) {
  using std::chrono::milliseconds;
  const auto now = Clock::now();
  if (!shown_ || now - start_ < milliseconds(500)) return;
  if (visible_ && now - drawn_ < milliseconds(100)) return;
  drawn_ = now;
  visible_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  fmt::print(stderr, "\r{}\x1b[K", line(done, total, seconds));
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (!visible_) return;
  visible_ = false;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

std::string ProgressBar::line(uint64_t done, uint64_t total, double seconds) const {
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  const double speed = static_cast<double>(done) / seconds;
  const double left = speed > 0 ? static_cast<double>(total - std::min(done, total)) / speed : 0;
  const std::string figures = unit_ == Unit::kBytes
                                  ? fmt::format("{} / {}  {}/s", bytes(done), bytes(total),
                                                bytes(static_cast<uint64_t>(speed)))
                                  : fmt::format("{} / {}  {}/s", with_commas(done),
                                                with_commas(total), short_number(speed));
  const std::string tail = fmt::format("{:>4.0f}%  {}  {}", share * 100, figures, duration(left));
  const int room = width() - 1 - columns(label_) - 4 - columns(tail);
  if (room < 8) return fmt::format("{}  {:.0f}%", label_, share * 100);
  return fmt::format("{}  {}  {}", label_, bar(share, std::min(room, 24)), tail);
}

}  // namespace heng::terminal
