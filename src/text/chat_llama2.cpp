// LLaMA-2's chats. Sources: chat_completion of facebookresearch/llama (generation.py) and the
// chat_template of Llama-2-7b-chat-hf, which write the same; gradio_demo.py and inference_hf.py of
// ymcui/Chinese-LLaMA-Alpaca-2. Meta's code generates even where a message holds a tag of the
// format, and replaces the answer by an error; we refuse before.
#include <array>

#include "text/chat_formats.h"
#include "text/turn_format.h"

namespace heng::text {
namespace {

constexpr std::array<std::string_view, 4> kTags = {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"};
constexpr std::string_view kChineseSystem = "You are a helpful assistant. 你是一个乐于助人的助手。";

enum class Author { kMeta, kYmcui };

class Llama2Chat final : public TurnFormat {
 public:
  explicit Llama2Chat(Author author)
      : TurnFormat(author == Author::kMeta
                       ? TurnStyle{.name = "llama2-chat"}
                       : TurnStyle{.name = "chinese-alpaca-2", .default_system = kChineseSystem}),
        meta_(author == Author::kMeta) {}

  // As Meta's example_chat_completion.py and ymcui's inference_hf.py.
  void set_defaults(GenerationConfig& config) const override {
    if (!draws_by_default(config)) return;
    config.do_sample = true;
    config.temperature = meta_ ? 0.6 : 0.2;
    config.top_p = 0.9;
    config.top_k = meta_ ? 0 : 40;
    config.repetition_penalty = meta_ ? 1.0 : 1.1;
  }

 private:
  void write(PromptWriter& out, const Dialog& dialog) const override {
    std::string head;  // in front of the first question
    if (dialog.system) head = "<<SYS>>\n" + std::string(*dialog.system) + "\n<</SYS>>\n\n";
    for (const Turn& turn : dialog.turns) {
      out.begin();
      out.plain(instruction(std::exchange(head, "") + std::string(turn.question)) +
                reply(turn.answer));
      out.end();
    }
    out.begin();
    out.plain(instruction(head + std::string(dialog.query.question)));
  }

  std::string instruction(std::string_view text) const {
    return "[INST] " + std::string(meta_ ? strip(text) : text) + " [/INST]";
  }

  // Meta strips contents and puts a space behind an answer.
  std::string reply(std::string_view answer) const {
    if (meta_) return " " + std::string(strip(answer)) + " ";
    return answer.empty() ? "" : " " + std::string(answer);
  }

  std::string problem_with(std::string_view content) const override {
    for (const std::string_view tag : kTags) {
      if (!meta_ || content.find(tag) == std::string_view::npos) continue;
      return "holds " + std::string(tag) + ", with which this format parts messages. Take it out";
    }
    return "";
  }

  const bool meta_;
};

template <Author author>
std::shared_ptr<const ChatFormat> make() {
  return std::make_shared<Llama2Chat>(author);
}

bool has(const ChatFiles& files, std::string_view text) {
  return files.chat_template.find(text) != std::string::npos;
}

bool suits_chinese(const ChatFiles& files) {
  return has(files, kChineseSystem) && has(files, "[INST]") && has(files, "<<SYS>>");
}

// The published program, told by the two expressions that write a question and its system text.
// Some put a system text of their own in front, unless the first message holds one.
bool suits_meta(const ChatFiles& files) {
  return has(files, "'[INST] ' + content.strip() + ' [/INST]'") &&
         has(files, " + system_message + ") && has(files, "<<SYS>>") &&
         !has(files, "'<<SYS>>' in ") && !suits_chinese(files);
}

}  // namespace

extern const ChatFormatRow kLlama2Chat;
const ChatFormatRow kLlama2Chat{
    .name = "llama2-chat", .alias = "llama2", .make = make<Author::kMeta>, .suits = suits_meta};

extern const ChatFormatRow kChineseAlpaca2Chat;
const ChatFormatRow kChineseAlpaca2Chat{
    .name = "chinese-alpaca-2", .alias = "", .make = make<Author::kYmcui>, .suits = suits_chinese};

}  // namespace heng::text
