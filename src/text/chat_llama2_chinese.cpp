// Chats of Llama2-Chinese and Atom. Source: FlagAlpha/Llama2-Chinese, whose programs differ:
// scripts/api/accelerate_server.py (system text, contents stripped), README.md (contents as they
// are) and examples/chat_gradio.py (no space behind "Assistant:", a line break between past turns).
// The server cuts a long prompt to its last 2,048 characters, through the middle of a turn; we drop
// whole turns.
#include "text/chat_formats.h"
#include "text/turn_format.h"

namespace heng::text {
namespace {

enum class Form { kServer, kReadme, kGradio };

constexpr std::string_view name_of(Form form) {
  switch (form) {
    case Form::kReadme:
      return "llama2-chinese-readme";
    case Form::kGradio:
      return "llama2-chinese-gradio";
    default:
      return "llama2-chinese";
  }
}

class Llama2Chinese final : public TurnFormat {
 public:
  explicit Llama2Chinese(Form form)
      : TurnFormat({.name = name_of(form), .takes_system = form == Form::kServer}), form_(form) {}

  // The model may go on with the user's part: both programs end the answer there.
  std::vector<std::string> stop_texts() const override { return {"Human:"}; }

  // As README.md.
  void set_defaults(GenerationConfig& config) const override {
    if (!draws_by_default(config)) return;
    config.do_sample = true;
    config.temperature = 0.3;
    config.top_p = 0.95;
    config.top_k = 50;
    config.repetition_penalty = 1.3;
  }

 private:
  void write(PromptWriter& out, const Dialog& dialog) const override {
    if (dialog.system && !dialog.system->empty()) part("System: ", *dialog.system, out);
    for (size_t i = 0; i < dialog.turns.size(); ++i) {
      if (form_ == Form::kGradio && i > 0) out.plain("\n");
      part("Human: ", dialog.turns[i].question, out);
      part("Assistant: ", dialog.turns[i].answer, out);
    }
    part("Human: ", dialog.query.question, out);
    out.begin();
    out.plain(form_ == Form::kGradio ? "Assistant:" : "Assistant: ");
  }

  void part(std::string_view role, std::string_view content, PromptWriter& out) const {
    if (form_ == Form::kServer) content = strip(content);
    out.begin();
    out.plain(std::string(role).append(content).append("\n"));
    out.end();
  }

  const Form form_;
};

template <Form form>
std::shared_ptr<const ChatFormat> make() {
  return std::make_shared<Llama2Chinese>(form);
}

// By the program or the name that the authors published it under; the base models have the same
// class and vocabulary.
bool suits(const ChatFiles& files) {
  const std::string& program = files.chat_template;
  const std::string name = files.name_or_path();
  const auto named = [&](std::string_view chat) { return name.ends_with(chat); };
  return (program.find("<s>Human: ") != std::string::npos &&
          program.find("<s>Assistant: ") != std::string::npos) ||
         (files.has_class("LlamaForCausalLM") &&
          (named("Atom-7B-Chat") || named("Llama2-Chinese-7b-Chat") ||
           named("Llama2-Chinese-13b-Chat")));
}

}  // namespace

extern const ChatFormatRow kLlama2ChineseChat;
const ChatFormatRow kLlama2ChineseChat{
    .name = name_of(Form::kServer), .alias = "atom", .make = make<Form::kServer>, .suits = suits};

extern const ChatFormatRow kLlama2ChineseReadme;
const ChatFormatRow kLlama2ChineseReadme{
    .name = name_of(Form::kReadme), .alias = "", .make = make<Form::kReadme>, .suits = suits_none};

extern const ChatFormatRow kLlama2ChineseGradio;
const ChatFormatRow kLlama2ChineseGradio{
    .name = name_of(Form::kGradio), .alias = "", .make = make<Form::kGradio>, .suits = suits_none};

}  // namespace heng::text
