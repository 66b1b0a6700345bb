#include "terminal/numbers.h"

#include <fmt/core.h>

#include <cmath>

#include "base/message.h"

namespace heng::terminal {

std::string short_number(double value) {
  if (!std::isfinite(value) || value < 0) return "0";
  if (value >= 99.95) return with_commas(static_cast<uint64_t>(std::llround(value)));
  if (value >= 0.995) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

std::string bytes(uint64_t n) {
  constexpr double kGib = 1u << 30;
  if (n >= kGib) return fmt::format("{:.1f} GiB", static_cast<double>(n) / kGib);
  if (n >= 1000000) return fmt::format("{} MB", std::llround(static_cast<double>(n) / 1e6));
  return fmt::format("{} kB", (n + 999) / 1000);
}

std::string duration(double seconds) {
  if (seconds < 0.9995) return fmt::format("{} ms", std::llround(seconds * 1000));
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

}  // namespace heng::terminal
