// Chats of ChatGLM2 and ChatGLM3. Sources: build_prompt, process_response and chat in ChatGLM2-6B's
// tokenization_chatglm.py and modeling_chatglm.py; build_chat_input and chat in ChatGLM3-6B's.
// Tools are not covered.
#include <array>

#include "text/chat_formats.h"
#include "text/sentencepiece.h"
#include "text/turn_format.h"

namespace heng::text {
namespace {

using Replacement = ChatFormat::Replacement;

// The model says this for the time of its training.
constexpr std::array<Replacement, 1> kTrainingTime{{{"[[训练时间]]", "2023年"}}};

// ChatGLM2's tokenizer leaves transformers' clean-up of spaces on (clean_up_tokenization); it goes
// first.
constexpr std::array<Replacement, 11> kCleanUp{{{" .", "."},
                                                {" ?", "?"},
                                                {" !", "!"},
                                                {" ,", ","},
                                                {" ' ", "'"},
                                                {" n't", "n't"},
                                                {" 'm", "'m"},
                                                {" 's", "'s"},
                                                {" 've", "'ve"},
                                                {" 're", "'re"},
                                                kTrainingTime[0]}};

class ChatGlm : public TurnFormat {
 public:
  using TurnFormat::TurnFormat;

  // chat() passes these whatever the checkpoint says; top_k stays at transformers' 50.
  void set_defaults(GenerationConfig& config) const override {
    config.do_sample = true;
    config.temperature = 0.8;
    config.top_p = 0.8;
    config.max_length = kMaxLength;
    config.max_new_tokens = kMaxLength;
  }

  std::span<const Replacement> replacements() const override { return kTrainingTime; }

 private:
  static constexpr int64_t kMaxLength = 8192;
};

class ChatGlm2 final : public ChatGlm {
 public:
  ChatGlm2() : ChatGlm({.name = "chatglm2", .takes_system = false}) {}

  std::span<const Replacement> replacements() const override { return kCleanUp; }

 private:
  void write(PromptWriter& out, const Dialog& dialog) const override {
    std::string text;
    for (size_t i = 0; i <= dialog.turns.size(); ++i) {
      const Turn& turn = i < dialog.turns.size() ? dialog.turns[i] : dialog.query;
      text += "[Round " + std::to_string(i + 1) + "]\n\n问：" + std::string(turn.question) +
              "\n\n答：" + std::string(turn.answer);
      if (i < dialog.turns.size()) text += "\n\n";
    }
    out.special("[gMASK]");
    out.special("sop");
    out.plain(text);
  }
};

// Every message begins with the token of its role and a line for the name of a tool, empty here.
class ChatGlm3 final : public ChatGlm {
 public:
  ChatGlm3() : ChatGlm({.name = "chatglm3"}) {}

  std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const override {
    std::vector<TokenId> ids = TurnFormat::stop_ids(tokenizer);
    for (const std::string_view name : {"<|user|>", "<|observation|>"}) {
      if (const auto id = tokenizer.special_id(name)) ids.push_back(*id);
    }
    return ids;
  }

 private:
  void write(PromptWriter& out, const Dialog& dialog) const override {
    out.special("[gMASK]");
    out.special("sop");
    if (dialog.system) part("<|system|>", *dialog.system, out);
    for (const Turn& turn : dialog.turns) {
      part("<|user|>", turn.question, out);
      part("<|assistant|>", turn.answer, out);
    }
    part("<|user|>", dialog.query.question, out);
    out.special("<|assistant|>");
  }

  // The content's first piece begins with a space, as SentencePiece puts it.
  static void part(std::string_view role, std::string_view content, PromptWriter& out) {
    out.special(role);
    out.plain("\n", "\n ");
    out.plain(content);
  }
};

template <typename Format>
std::shared_ptr<const ChatFormat> make() {
  return std::make_shared<Format>();
}

// ChatGLM (the first) has no multi-query attention; base models say so in their name.
bool is_chat(const ChatFiles& files) {
  return files.kind == checkpoint::Kind::kHuggingFace && files.model_type() == "chatglm" &&
         JsonObject(files.config, files.config_file).boolean_or("multi_query_attention", false) &&
         !files.name_or_path().ends_with("-base");
}

}  // namespace

extern const ChatFormatRow kChatGlm2;
const ChatFormatRow kChatGlm2{
    .name = "chatglm2", .alias = "", .make = make<ChatGlm2>, .suits = [](const ChatFiles& files) {
      return is_chat(files) && !is_chatglm3_tokenizer(files.path);
    }};

extern const ChatFormatRow kChatGlm3;
const ChatFormatRow kChatGlm3{
    .name = "chatglm3", .alias = "", .make = make<ChatGlm3>, .suits = [](const ChatFiles& files) {
      return is_chat(files) && is_chatglm3_tokenizer(files.path);
    }};

}  // namespace heng::text
