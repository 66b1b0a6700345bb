// A chat at the terminal: asks for lines, streams replies, keeps the conversation. The commands
// that begin with ":" are in chat_commands.cpp. Used from one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "chat/conversation.h"
#include "commands/reply_output.h"
#include "heng/engine.h"
#include "terminal/line_editor.h"

namespace heng::chat {

class ChatSession {
 public:
  // `generation`: what the chat begins with and what :reset-conf goes back to. `think`: whether a
  // model that can think before it answers does.
  ChatSession(std::shared_ptr<const Model> model, std::shared_ptr<const ChatFormat> format,
              GenerationConfig generation, std::string system, bool think);

  // Until the user leaves; the exit status.
  int run();

  // One question without a conversation: only the reply goes to standard output; the exit status.
  int answer_once(const std::string& question);

 private:
  enum class Next { kGoOn, kLeave };

  // A message as the user means it: lines joined that end in \ or stand between """ marks.
  // nullopt: Ctrl-C or Ctrl-D.
  std::optional<std::string> read_message();
  std::optional<std::string> read_block(std::string text);
  Next on_interrupted(const std::string& typed);

  Next obey(const std::string& line);  // a line that begins with ":"
  void ask(const std::string& question);
  commands::Reply reply_to(const std::string& question, terminal::Stream notes,
                           size_t& dropped_turns);
  void print_notes(const Completion& completion, size_t dropped_turns) const;

  void print_help() const;
  void print_history() const;
  void print_settings() const;
  void print_seed() const;
  void set_seed(const std::string& value);
  void change_settings(const std::string& assignments);
  void ask_again();
  void set_system(const std::string& text);
  void set_think(const std::string& argument);
  void save(const std::string& file) const;
  void load(const std::string& file);

  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<const ChatFormat> format_;
  const GenerationConfig initial_;
  GenerationConfig generation_;
  Conversation conversation_;
  Engine engine_;
  terminal::LineEditor editor_;
  std::optional<uint64_t> last_seed_;
  bool think_;
  commands::Thoughts thoughts_ = commands::Thoughts::kFold;
  bool ended_ = false;   // Ctrl-D
  bool warned_ = false;  // Ctrl-C at an empty prompt: the next one leaves
};

}  // namespace heng::chat
