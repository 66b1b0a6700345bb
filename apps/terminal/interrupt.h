// Ctrl-C while a reply runs: the first asks the reply to stop, the second ends the program at once
// with status 130. While no Interrupt lives, Ctrl-C does what it does everywhere. At most one lives
// at a time.
#pragma once

#include <csignal>

namespace heng::terminal {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Whether Ctrl-C was pressed since the Interrupt was made.
  static bool asked();

 private:
  struct sigaction before_;
};

}  // namespace heng::terminal
