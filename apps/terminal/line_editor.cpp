#include "terminal/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "base/user_folders.h"
#include "terminal/terminal.h"

namespace heng::terminal {
namespace {

constexpr int kRemembered = 1000;
// Around what the prompt sends but nobody sees.
constexpr wchar_t kUnseen = L'\1';
// Asks the terminal to mark pasted text. Part of the prompt, as only then keys are read one by one.
constexpr wchar_t kPasteMarksOn[] = L"\1\x1b[?2004h\1";
constexpr wchar_t kPasteEnd[] = L"\x1b[201~";

std::string to_utf8(std::wstring_view text) {
  std::string out;
  for (const wchar_t c : text) {
    utf8proc_uint8_t bytes[4];
    out.append(reinterpret_cast<const char*>(bytes),
               utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes));
  }
  return out;
}

std::wstring to_wide(std::string_view text) {
  std::wstring out;
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t code;
    const auto n = utf8proc_iterate(at, left, &code);
    out += n > 0 ? static_cast<wchar_t>(code) : L'\ufffd';
    at += n > 0 ? n : 1;
    left -= n > 0 ? n : 1;
  }
  return out;
}

// libedit takes characters apart by the locale; a machine without one still has C.UTF-8.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  std::filesystem::path file;
  EditLine* edit = nullptr;
  HistoryW* history = nullptr;
  std::wstring prompt;
  bool interrupted = false;

  static State& of(EditLine* edit) {
    void* data = nullptr;
    el_wget(edit, EL_CLIENTDATA, &data);
    return *static_cast<State*>(data);
  }
  static wchar_t* show_prompt(EditLine* edit) { return of(edit).prompt.data(); }
  static unsigned char on_interrupt(EditLine* edit, wint_t) {
    of(edit).interrupted = true;
    // Enter ends the line as it should, with the cursor behind its last row.
    el_wpush(edit, L"\n");
    return CC_NORM;
  }
  static unsigned char on_suspend(EditLine* edit, wint_t) {
    el_wset(edit, EL_PREP_TERM, 0);
    std::raise(SIGTSTP);
    el_wset(edit, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
  }
  static unsigned char on_paste(EditLine* edit, wint_t);

  void start();
  void bind_keys();
  void load_history();
  void save_history();
  Outcome read_edited(std::string& line);
};

// Terminals in bracketed paste mode put marks around pasted text: everything between them goes into
// the line as it is, line ends included.
unsigned char LineEditor::State::on_paste(EditLine* edit, wint_t) {
  std::wstring pasted;
  wchar_t c;
  while (!pasted.ends_with(kPasteEnd) && el_wgetc(edit, &c) == 1) {
    pasted += c == L'\r' ? L'\n' : c;
  }
  if (pasted.ends_with(kPasteEnd)) pasted.resize(pasted.size() - std::wcslen(kPasteEnd));
  while (!pasted.empty() && pasted.back() == L'\n') pasted.pop_back();
  std::wstring clean;
  for (const wchar_t p : pasted) {
    if (p == L'\t')
      clean += L"    ";  // libedit cannot move the cursor over tabs in a line
    else if (p >= 0x20 || p == L'\n')
      clean += p;
  }
  if (!clean.empty() && el_winsertstr(edit, clean.c_str()) == -1) return CC_ERROR;
  return CC_REFRESH;
}

void LineEditor::State::start() {
  use_utf8();
  edit = el_init("heng", stdin, stdout, stderr);
  history = history_winit();
  HistEventW event;
  history_w(history, &event, H_SETSIZE, kRemembered);
  history_w(history, &event, H_SETUNIQUE, 1);
  load_history();
  el_wset(edit, EL_CLIENTDATA, this);
  el_wset(edit, EL_PROMPT_ESC, show_prompt, kUnseen);
  el_wset(edit, EL_EDITOR, L"emacs");
  el_wset(edit, EL_HIST, history_w, history);
  el_wset(edit, EL_SIGNAL, 1);
  bind_keys();
}

void LineEditor::State::bind_keys() {
  // Ctrl-C and Ctrl-Z come as keys, not as signals, while a line is read.
  el_wset(edit, EL_SETTY, L"-d", L"-isig", nullptr);
  el_wset(edit, EL_ADDFN, L"heng-interrupt", L"Give the line up", on_interrupt);
  el_wset(edit, EL_ADDFN, L"heng-suspend", L"Go to the shell for a while", on_suspend);
  el_wset(edit, EL_ADDFN, L"heng-paste", L"Take pasted text whole", on_paste);
  constexpr const wchar_t* kKeys[][2] = {
      {L"^C", L"heng-interrupt"},          {L"^Z", L"heng-suspend"},
      {L"\\e[200~", L"heng-paste"},        {L"^R", L"em-inc-search-prev"},
      {L"\\e[3~", L"ed-delete-next-char"}, {L"\\e[H", L"ed-move-to-beg"},
      {L"\\e[F", L"ed-move-to-end"},       {L"\\e[1~", L"ed-move-to-beg"},
      {L"\\e[4~", L"ed-move-to-end"},      {L"\\e[1;5C", L"em-next-word"},
      {L"\\e[1;5D", L"ed-prev-word"},
  };
  for (const auto& [key, command] : kKeys) {
    el_wset(edit, EL_BIND, key, command, nullptr);
  }
}

void LineEditor::State::load_history() {
  HistEventW event;
  if (!file.empty()) history_w(history, &event, H_LOAD, file.c_str());
}

void LineEditor::State::save_history() {
  if (file.empty()) return;
  std::error_code failed;
  std::filesystem::create_directories(file.parent_path(), failed);
  if (failed) return;
  // Into a file of our own first: another chat may be reading the old one.
  const auto part = file.string() + "." + std::to_string(getpid());
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FILE* out = fd >= 0 ? fdopen(fd, "w") : nullptr;
  if (!out) return;
  HistEventW event;
  const bool saved = history_w(history, &event, H_SAVE_FP, out) >= 0;
  if (std::fclose(out) == 0 && saved)
    std::filesystem::rename(part, file, failed);
  else
    std::filesystem::remove(part, failed);
}

LineEditor::Outcome LineEditor::State::read_edited(std::string& line) {
  constexpr char kPasteMarksOff[] = "\x1b[?2004l";
  interrupted = false;
  // libedit shows the prompt first and takes the terminal then: a key in between would be lost.
  el_wset(edit, EL_PREP_TERM, 1);
  int count = 0;
  const wchar_t* typed = el_wgets(edit, &count);
  std::fputs(kPasteMarksOff, stdout);
  std::fflush(stdout);
  if (!typed || count <= 0) return interrupted ? Outcome::kInterrupted : Outcome::kEnd;
  line = to_utf8({typed, static_cast<size_t>(count)});
  if (line.ends_with('\n')) line.pop_back();
  return interrupted ? Outcome::kInterrupted : Outcome::kLine;
}

LineEditor::LineEditor(std::filesystem::path history_file) : state_(std::make_unique<State>()) {
  state_->file = std::move(history_file);
}

LineEditor::~LineEditor() {
  if (state_->edit) el_end(state_->edit);
  if (state_->history) history_wend(state_->history);
}

LineEditor::Outcome LineEditor::read(const std::string& prompt, std::string& line) {
  line.clear();
  if (!state_->edit && is_input_terminal() && is_terminal(Stream::kOut)) state_->start();
  if (!state_->edit) return std::getline(std::cin, line) ? Outcome::kLine : Outcome::kEnd;
  state_->prompt = kPasteMarksOn + to_wide(prompt);
  return state_->read_edited(line);
}

void LineEditor::remember(const std::string& text) {
  if (!state_->history) return;
  HistEventW event;
  history_w(state_->history, &event, H_ENTER, to_wide(text).c_str());
  state_->save_history();
}

std::filesystem::path chat_history_file() {
  const auto folder = user_folder(UserFolder::kState);
  return folder.empty() ? folder : folder / "chat_history";
}

}  // namespace heng::terminal
