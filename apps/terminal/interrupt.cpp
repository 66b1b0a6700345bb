#include "terminal/interrupt.h"

#include <unistd.h>

#include <atomic>

namespace heng::terminal {
namespace {

constexpr int kInterruptedStatus = 130;  // 128 + SIGINT, as shells count
std::atomic<bool> was_asked{false};      // lock-free: may be touched by a signal handler

void on_interrupt(int) {
  if (!was_asked.exchange(true)) return;
  constexpr char kLineEnd[] = "\x1b[0m\n";
  if (isatty(STDERR_FILENO)) {
    [[maybe_unused]] const auto written = write(STDERR_FILENO, kLineEnd, sizeof(kLineEnd) - 1);
  }
  _exit(kInterruptedStatus);
}

}  // namespace

Interrupt::Interrupt() {
  was_asked = false;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &before_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &before_, nullptr);
}

bool Interrupt::asked() {
  return was_asked;
}

}  // namespace heng::terminal
