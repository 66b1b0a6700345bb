// Lines from the keyboard, through libedit: arrows, history, pasted text taken whole. Where input
// or output is no terminal it reads plain lines and prints no prompt. Owns the terminal's settings
// while a line is read only. Used from one thread; at most one lives at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace heng::terminal {

class LineEditor {
 public:
  enum class Outcome { kLine, kInterrupted, kEnd };

  // `history_file` is read with the first line and written after each remembered line, for the user
  // alone (0600); where that fails the history lives as long as the editor. Empty: no file.
  explicit LineEditor(std::filesystem::path history_file);
  ~LineEditor();

  // `line` gets the text without its line end; pasted text may hold line ends inside.
  // kInterrupted: Ctrl-C; `line` is what was typed before it. kEnd: Ctrl-D on an empty line.
  Outcome read(const std::string& prompt, std::string& line);

  void remember(const std::string& text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// ${XDG_STATE_HOME:-~/.local/state}/heng/chat_history; empty where there is no home.
std::filesystem::path chat_history_file();

}  // namespace heng::terminal
