#include <gtest/gtest.h>

#include "heng/chat.h"
#include "support/chat_tokenizers.h"

namespace heng {
namespace {

struct Streamed {
  std::string thought, answer;
  size_t thought_tokens = 0;
};

// `pieces` as tokens that no tag has the id of.
Streamed stream(const char* format_name, const Tokenizer& tokenizer,
                const std::vector<std::string>& pieces) {
  const auto format = chat_format_by_name(format_name);
  ReplyStream reply(*format, tokenizer);
  Streamed all;
  const auto add = [&](const ReplyStream::Shown& shown) {
    all.thought += shown.thought;
    all.answer += shown.answer;
    EXPECT_EQ(all.thought, reply.thought());
    EXPECT_EQ(all.answer, reply.answer());
  };
  for (const std::string& piece : pieces) {
    const auto id = tokenizer.special_id(piece);
    add(reply.push(id.value_or(0), piece));
  }
  add(reply.finish());
  all.thought_tokens = reply.thought_tokens();
  return all;
}

std::vector<std::string> bytes_of(const std::string& text) {
  std::vector<std::string> pieces;
  for (const char c : text) pieces.push_back(std::string(1, c));
  return pieces;
}

TEST(ReplyStream, PartsThoughtAndAnswerByTheirTokens) {
  const auto tokenizer = test::qwen3_chat_tokenizer();
  const auto r = stream("qwen3", *tokenizer,
                        {"<think>", "\n", "hm", " so", "\n", "</think>", "\n\n", "Yes", ".", "\n"});
  EXPECT_EQ(r.thought, "hm so");
  EXPECT_EQ(r.answer, "Yes.");
  EXPECT_EQ(r.thought_tokens, 4u);
}

TEST(ReplyStream, TextThatSpellsATagIsNoTagWhereTagsAreTokens) {
  const auto tokenizer = test::qwen3_chat_tokenizer();
  const auto r = stream("qwen3", *tokenizer,
                        {"<think>", "a", "</", "think>", "b", "</think>", "<", "think>", "c"});
  EXPECT_EQ(r.thought, "a</think>b");
  EXPECT_EQ(r.answer, "<think>c");
}

TEST(ReplyStream, TagsAreFoundInTextHoweverItIsCut) {
  const auto tokenizer = test::qwen_chat_tokenizer();  // has no tokens for the tags
  const std::string text = " \n<think>\n1 < 2 </thin </think>\n\nYes <b>.\n";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const auto r = stream("qwen3", *tokenizer, {text.substr(0, cut), text.substr(cut)});
    EXPECT_EQ(r.thought, "1 < 2 </thin") << cut;
    EXPECT_EQ(r.answer, "Yes <b>.") << cut;
  }
  const auto r = stream("qwen3", *tokenizer, bytes_of(text));
  EXPECT_EQ(r.thought, "1 < 2 </thin");
  EXPECT_EQ(r.answer, "Yes <b>.");
}

TEST(ReplyStream, AReplyWithoutAThoughtIsAnAnswer) {
  for (const auto& tokenizer : {test::qwen_chat_tokenizer(), test::qwen3_chat_tokenizer()}) {
    EXPECT_EQ(stream("qwen3", *tokenizer, {"<th", "is> is"}).answer, "<this> is");
    EXPECT_EQ(stream("qwen3", *tokenizer, {"a", "<think>b"}).answer, "a<think>b");
    EXPECT_EQ(stream("qwen3", *tokenizer, {"<thi"}).answer, "<thi");
    EXPECT_EQ(stream("qwen3", *tokenizer, {}).answer, "");
  }
  const auto r = stream("qwen2", *test::qwen3_chat_tokenizer(), {"<think>", "a", "</think>", "b"});
  EXPECT_EQ(r.answer, "<think>a</think>b") << "a format without thoughts has none";
}

TEST(ReplyStream, AThoughtThatIsCutOffIsNoAnswer) {
  for (const auto& tokenizer : {test::qwen_chat_tokenizer(), test::qwen3_chat_tokenizer()}) {
    const auto r = stream("qwen3", *tokenizer, {"<think>", "a ", "</thi"});
    EXPECT_EQ(r.thought, "a </thi");
    EXPECT_EQ(r.answer, "");
  }
}

TEST(ReplyStream, WhiteSpaceAtTheEndsIsHeldBack) {
  const auto tokenizer = test::qwen_chat_tokenizer();
  const auto format = chat_format_by_name("qwen");
  ReplyStream reply(*format, *tokenizer);
  EXPECT_EQ(reply.push(0, " \u3000\n").answer, "");
  EXPECT_EQ(reply.push(0, "a ").answer, "a");
  EXPECT_EQ(reply.push(0, "\n").answer, "");
  EXPECT_EQ(reply.push(0, " b").answer, " \n b");
  EXPECT_EQ(reply.push(0, " ").answer, "");
  EXPECT_EQ(reply.finish().answer, "");
  EXPECT_EQ(reply.answer(), "a \n b");
}

TEST(ReplyStream, ChatGlmsPlaceholderIsReplacedHoweverItIsCut) {
  const auto tokenizer = test::chatglm_chat_tokenizer();
  const std::string text = "到[[训练时间]]，[[训练 [[训练时间]]";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const auto r = stream("chatglm2", *tokenizer, {text.substr(0, cut), text.substr(cut)});
    EXPECT_EQ(r.answer, "到2023年，[[训练 2023年") << cut;
  }
  EXPECT_EQ(stream("chatglm2", *tokenizer, bytes_of(text)).answer, "到2023年，[[训练 2023年");
  EXPECT_EQ(stream("qwen", *tokenizer, bytes_of(text)).answer, text);
}

TEST(ReplyStream, ChatGlm2sSpacesAreCleanedUpHoweverTheyAreCut) {
  const auto tokenizer = test::chatglm_chat_tokenizer();
  const std::string text = "I 'm sure , they do n't : it 's 5 . You 've x ?\n . nt 'r\n";
  const std::string clean = "I'm sure, they don't : it's 5. You've x?\n. nt 'r";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(stream("chatglm2", *tokenizer, {text.substr(0, cut), text.substr(cut)}).answer, clean)
        << cut;
  }
  EXPECT_EQ(stream("chatglm2", *tokenizer, bytes_of(text)).answer, clean);
  EXPECT_EQ(stream("chatglm3", *tokenizer, bytes_of(text)).answer, strip(text));
}

TEST(ReplyStream, WhatMayBecomeAPlaceholderWaits) {
  const auto tokenizer = test::chatglm_chat_tokenizer();
  const auto format = chat_format_by_name("chatglm2");
  ReplyStream reply(*format, *tokenizer);
  EXPECT_EQ(reply.push(0, "a [").answer, "a");
  EXPECT_EQ(reply.push(0, "[训").answer, "");
  EXPECT_EQ(reply.push(0, "x").answer, " [[训x");
  EXPECT_EQ(reply.push(0, "[[").answer, "");
  EXPECT_EQ(reply.finish().answer, "[[");
}

}  // namespace
}  // namespace heng
