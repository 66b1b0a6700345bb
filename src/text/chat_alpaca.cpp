// Alpaca's prompts, each one text. Sources: tatsu-lab/stanford_alpaca (train.py); ymcui's
// Chinese-LLaMA-Alpaca, whose programs differ: training/build_dataset.py and the chats of
// openai_server_demo (a single question is written alike), its completions (with a line of four
// spaces), and inference_hf.py (more line breaks).
#include "text/chat_formats.h"
#include "text/turn_format.h"

namespace heng::text {
namespace {

constexpr std::string_view kTask =
    "Below is an instruction that describes a task. Write a response that appropriately completes "
    "the request.";
constexpr std::string_view kTaskWithInput =
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.";

enum class Form { kStanford, kChat, kCompletion, kInference };

constexpr TurnStyle style_of(Form form) {
  switch (form) {
    case Form::kStanford:
      return {.name = "alpaca", .takes_system = false, .takes_input = true, .one_turn = true};
    case Form::kCompletion:
      return {.name = "chinese-alpaca-completion", .takes_system = false, .one_turn = true};
    case Form::kInference:
      return {.name = "chinese-alpaca-inference",
              .takes_system = false,
              .takes_input = true,
              .one_turn = true};
    default:
      return {.name = "chinese-alpaca", .default_system = kTask, .takes_input = true};
  }
}

// An instruction with what it is about, as the Chinese programs join the two.
std::string joined(const Turn& turn) {
  std::string text(turn.question);
  if (!turn.input.empty()) text.append("\n").append(turn.input);
  return text;
}

std::string stanford(const Turn& query) {
  const std::string question(query.question);
  if (query.input.empty()) {
    return std::string(kTask) + "\n\n### Instruction:\n" + question + "\n\n### Response:\n";
  }
  return std::string(kTaskWithInput) + "\n\n### Instruction:\n" + question + "\n\n### Input:\n" +
         std::string(query.input) + "\n\n### Response:\n";
}

std::string chat(const Dialog& dialog) {
  std::string text = std::string(*dialog.system) + "\n\n";
  for (const Turn& turn : dialog.turns) {
    text += "### Instruction:\n" + joined(turn) + "\n\n";
    text += "### Response: " + std::string(turn.answer) + "\n\n";
  }
  return text + "### Instruction:\n" + joined(dialog.query) + "\n\n### Response: ";
}

template <Form form>
class Alpaca final : public TurnFormat {
 public:
  Alpaca() : TurnFormat(style_of(form)) {}

  // As inference_hf.py; Stanford published no such program.
  void set_defaults(GenerationConfig& config) const override {
    if (form == Form::kStanford || !draws_by_default(config)) return;
    config.do_sample = true;
    config.temperature = 0.2;
    config.top_p = 0.9;
    config.top_k = 40;
    config.repetition_penalty = 1.1;
  }

 private:
  void write(PromptWriter& out, const Dialog& dialog) const override {
    out.begin();
    out.plain(text_of(dialog));
  }

  static std::string text_of(const Dialog& dialog) {
    const std::string task(kTask);
    switch (form) {
      case Form::kStanford:
        return stanford(dialog.query);
      case Form::kCompletion:
        return task + "\n    \n### Instruction:\n" + joined(dialog.query) + "\n\n### Response: ";
      case Form::kInference:
        return task + "\n\n### Instruction:\n\n" + joined(dialog.query) + "\n\n### Response:\n\n";
      default:
        return chat(dialog);
    }
  }
};

template <Form form>
std::shared_ptr<const ChatFormat> make() {
  return std::make_shared<Alpaca<form>>();
}

// Chinese-Alpaca's vocabulary is Chinese-LLaMA's of 49,953 and "[PAD]"; no other has that size.
bool suits_chinese(const ChatFiles& files) {
  constexpr int64_t kVocabulary = 49954;
  return files.has_class("LlamaForCausalLM") &&
         JsonObject(files.config, files.config_file).integer_or("vocab_size", 0, 1 << 24, 0) ==
             kVocabulary;
}

}  // namespace

extern const ChatFormatRow kAlpaca;
const ChatFormatRow kAlpaca{.name = style_of(Form::kStanford).name,
                            .alias = "stanford-alpaca",
                            .make = make<Form::kStanford>,
                            .suits = suits_none};

extern const ChatFormatRow kChineseAlpaca;
const ChatFormatRow kChineseAlpaca{.name = style_of(Form::kChat).name,
                                   .alias = "chinese-alpaca-training",
                                   .make = make<Form::kChat>,
                                   .suits = suits_chinese};

extern const ChatFormatRow kChineseAlpacaCompletion;
const ChatFormatRow kChineseAlpacaCompletion{.name = style_of(Form::kCompletion).name,
                                             .alias = "",
                                             .make = make<Form::kCompletion>,
                                             .suits = suits_none};

extern const ChatFormatRow kChineseAlpacaInference;
const ChatFormatRow kChineseAlpacaInference{.name = style_of(Form::kInference).name,
                                            .alias = "",
                                            .make = make<Form::kInference>,
                                            .suits = suits_none};

}  // namespace heng::text
