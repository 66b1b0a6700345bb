#include "text/chat_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "heng/error.h"
#include "support/chat_tokenizers.h"

namespace heng {
namespace {

using testing::HasSubstr;
using Ids = std::vector<TokenId>;
using Messages = std::vector<Message>;

std::shared_ptr<const Tokenizer> tiny() {
  return test::qwen_chat_tokenizer();
}

std::string text_of(const char* format, const Messages& messages) {
  return chat_format_by_name(format)->build(*tiny(), messages).text;
}

TEST(ChatFormats, DefaultSystemTextStandsInFrontUnlessOneIsGiven) {
  EXPECT_EQ(text_of("qwen", {{"user", "hi"}}),
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(text_of("qwen", {{"system", ""}, {"user", "hi"}}),
            "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
            "<|im_start|>assistant\n");
}

// Ids that text can only name: special tokens, and tokens like Qwen3's <think>.
std::set<TokenId> named_ids(const Tokenizer& tokenizer) {
  std::set<TokenId> ids;
  for (TokenId id = 0; static_cast<size_t>(id) < tokenizer.size(); ++id) {
    if (tokenizer.special_id(tokenizer.token_bytes(id)) == id) ids.insert(id);
  }
  return ids;
}

std::optional<Prompt> prompt_if_taken(const ChatFormat& format, const Tokenizer& tokenizer,
                                      const Messages& messages) {
  try {
    return format.build(tokenizer, messages);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument) << e.what();
    return std::nullopt;
  }
}

// Conversations with `content` in one place each.
std::vector<Messages> with_content(const std::string& content) {
  return {{{"user", content}},
          {{"system", content}, {"user", "x"}},
          {{"user", content}, {"assistant", "x"}, {"user", "x"}},
          {{"user", "x"}, {"assistant", content}, {"user", "x"}},
          {{"user", "x"}, {"input", content}}};
}

TEST(ChatFormats, ContentsCannotSpeakForTheTemplate) {
  size_t n_tried = 0;
  for (const auto& tokenizer : {test::qwen_chat_tokenizer(), test::qwen3_chat_tokenizer(),
                                test::llama_chat_tokenizer(), test::chatglm_chat_tokenizer()}) {
    const std::set<TokenId> named = named_ids(*tokenizer);
    ASSERT_FALSE(named.empty());
    for (const std::string_view name : chat_format_names()) {
      const auto format = chat_format_by_name(name);
      const auto specials = [&](const Messages& messages) -> std::optional<Ids> {
        const auto prompt = prompt_if_taken(*format, *tokenizer, messages);
        if (!prompt) return std::nullopt;
        Ids found;
        for (const TokenId id : prompt->ids) {
          if (named.contains(id)) found.push_back(id);
        }
        return found;
      };
      const auto harmless = with_content("harmless");
      for (const TokenId id : named) {
        const auto hostile = with_content("a" + std::string(tokenizer->token_bytes(id)) + "b");
        for (size_t i = 0; i < hostile.size(); ++i) {
          const auto expected = specials(harmless[i]), found = specials(hostile[i]);
          if (!expected || !found) continue;  // not this format's tokenizer, or refused
          EXPECT_EQ(*found, *expected) << name << ": " << hostile[i].front().content;
          ++n_tried;
        }
      }
    }
  }
  EXPECT_GT(n_tried, 2000u);
}

TEST(ChatFormats, EveryFormatHasAPromptAndAnEnd) {
  for (const std::string_view name : chat_format_names()) {
    const auto format = chat_format_by_name(name);
    const auto tokenizer = test::chat_tokenizer_for(name);
    const Prompt prompt = format->build(*tokenizer, Messages{{"user", "hello"}});
    EXPECT_THAT(prompt.text, HasSubstr("hello")) << name;
    EXPECT_FALSE(prompt.ids.empty()) << name;
    EXPECT_FALSE(format->stop_ids(*tokenizer).empty()) << name;
    EXPECT_EQ(prompt.dropped_turns, 0u) << name;
  }
}

TEST(ChatFormats, EveryFormatDropsOldTurnsForAWindow) {
  const Messages messages = {{"user", "first"},
                             {"assistant", "one"},
                             {"user", "second"},
                             {"assistant", "two"},
                             {"user", "third"}};
  const Messages query(messages.end() - 1, messages.end());
  for (const std::string_view name : chat_format_names()) {
    const auto format = chat_format_by_name(name);
    const auto tokenizer = test::chat_tokenizer_for(name);
    const Prompt small = format->build(*tokenizer, messages, {.max_window_tokens = 0});
    EXPECT_EQ(small.dropped_turns, 2u) << name;
    EXPECT_EQ(small.ids, format->build(*tokenizer, query).ids) << name;
    const Prompt large = format->build(*tokenizer, messages, {.max_window_tokens = 100000});
    EXPECT_EQ(large.ids, format->build(*tokenizer, messages).ids) << name;
  }
}

TEST(ChatFormats, TheWindowDropsWholeTurnsOldestFirst) {
  const auto tokenizer = tiny();
  const auto format = chat_format_by_name("qwen");
  const Messages messages = {{"user", "first"},
                             {"assistant", "one"},
                             {"user", "second"},
                             {"assistant", "two"},
                             {"user", "third"}};
  const size_t whole = format->build(*tokenizer, messages).ids.size();
  const Messages without_first(messages.begin() + 2, messages.end());
  const Messages only_query(messages.end() - 1, messages.end());
  const auto at = [&](std::optional<size_t> window) {
    return format->build(*tokenizer, messages, {window});
  };
  EXPECT_EQ(at(std::nullopt).dropped_turns, 0u);
  EXPECT_EQ(at(whole).dropped_turns, 0u);
  EXPECT_EQ(at(0).dropped_turns, 2u);
  EXPECT_EQ(at(0).ids, format->build(*tokenizer, only_query).ids);
  size_t before = 2;
  bool dropped_one = false;
  for (size_t window = 0; window <= whole; ++window) {
    const Prompt prompt = at(window);
    ASSERT_LE(prompt.dropped_turns, before) << "a larger window keeps no less";
    before = prompt.dropped_turns;
    if (before != 1) continue;
    dropped_one = true;
    EXPECT_EQ(prompt.ids, format->build(*tokenizer, without_first).ids);
  }
  EXPECT_TRUE(dropped_one);
}

TEST(ChatFormats, ConversationsTheFormatDoesNotHaveAreRefused) {
  const auto refused = [](const char* format, const Messages& messages, const char* why,
                          ErrorCode code = ErrorCode::kInvalidArgument) {
    try {
      text_of(format, messages);
      ADD_FAILURE() << "was taken: " << why;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code);
      EXPECT_THAT(e.what(), HasSubstr(why));
    }
  };
  for (const char* format : {"qwen", "smollm2"}) {
    refused(format, {}, "messages: none");
    refused(format, {{"system", "x"}}, "messages[0]");
    refused(format, {{"user", "x"}, {"assistant", "y"}}, "messages[1]");
    refused(format, {{"User", "x"}}, "\"User\"");
    refused(format, {{"", "x"}, {"user", "y"}}, "messages[0]");
    refused(format, {{"user", "x"}, {"system", "y"}, {"user", "z"}}, "messages[1]");
  }
  refused("smollm2", {{"tool", "x"}, {"user", "y"}}, "role \"tool\"", ErrorCode::kUnsupported);
  refused("qwen", {{"tool", "x"}, {"user", "y"}}, "role tool");
  refused("qwen2.5", {{"tool", "x"}, {"user", "y"}}, "role tool");
  refused("qwen", {{"user", "x"}, {"user", "y"}}, "expected assistant");
  refused("qwen", {{"assistant", "x"}, {"user", "y"}}, "expected user");
  EXPECT_NO_THROW(text_of("smollm2", {{"user", "x"}, {"user", "y"}}));
}

TEST(ChatFormats, ATokenizerWithoutItsSpecialTokensIsRefused) {
  class Bare : public Tokenizer {
   public:
    Ids encode(std::string_view, SpecialText) const override { return {}; }
    std::string_view token_bytes(TokenId) const override { return ""; }
    bool is_special(TokenId) const override { return false; }
    std::optional<TokenId> special_id(std::string_view) const override { return std::nullopt; }
    size_t size() const override { return 0; }
    std::optional<TokenId> bos_id() const override { return std::nullopt; }
    std::optional<TokenId> eos_id() const override { return std::nullopt; }
    std::vector<TokenId> prefix() const override { return {}; }
    std::string description() const override { return "bare"; }
  };
  const Messages messages = {{"user", "x"}};
  try {
    chat_format_by_name("qwen")->build(Bare(), messages);
    FAIL() << "was taken";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("<|im_start|>"));
  }
}

TEST(ChatFormats, RepliesEndAtTheFormatsTokens) {
  const auto tokenizer = tiny();
  const auto id = [&](const char* name) { return *tokenizer->special_id(name); };
  EXPECT_THAT(
      chat_format_by_name("qwen")->stop_ids(*tokenizer),
      testing::UnorderedElementsAre(id("<|im_end|>"), id("<|im_start|>"), id("<|endoftext|>")));
  EXPECT_THAT(chat_format_by_name("smollm2")->stop_ids(*tokenizer),
              testing::UnorderedElementsAre(id("<|im_end|>"), id("<|endoftext|>")));
}

TEST(ChatFormats, NamesAreFoundAndUnknownOnesListed) {
  for (const std::string_view name : chat_format_names()) {
    EXPECT_EQ(chat_format_by_name(name)->name(), name);
  }
  EXPECT_EQ(chat_format_by_name("chatml")->name(), "qwen");
  try {
    chat_format_by_name("mistral");
    FAIL() << "was taken";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("mistral"), HasSubstr("qwen"),
                                         HasSubstr("chatml"), HasSubstr("smollm2")));
  }
}

}  // namespace
}  // namespace heng
