#include "text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "heng/error.h"
#include "support/file_bytes.h"
#include "text/pretokenize.h"

namespace heng::text {
namespace {

using testing::HasSubstr;
using Ids = std::vector<TokenId>;

const char* const kMark = "\u2581";

// ByteLevel over letters and the spelling of a space; "ab" by a merge, one added token.
Json tiny() {
  Json vocab = Json::object();
  for (char c = 'a'; c <= 'z'; ++c) vocab[std::string(1, c)] = vocab.size();             // 0..25
  for (const char* token : {"\u0120", "ab", "abc", "xyz"}) vocab[token] = vocab.size();  // ..29
  return {{"version", "1.0"},
          {"added_tokens", {{{"id", 30}, {"content", "<|end|>"}, {"special", true}}}},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"},
               {"pattern", {{"Regex", " ?\\p{L}+|\\s+"}}},
               {"behavior", "Isolated"},
               {"invert", false}},
              {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"vocab", vocab},
            {"merges", {"a b", "ab c"}}}}};
}

// The same over characters, spaces as U+2581, bytes for the rest.
Json tiny_marks() {
  Json json = tiny();
  Json& vocab = json["model"]["vocab"];
  vocab = Json::object({{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}});
  for (int b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", b);
    vocab[name] = vocab.size();  // 3..258
  }
  for (const std::string token : {kMark, "a", "b", "ab", "\u4f60"}) vocab[token] = vocab.size();
  json["model"]["merges"] = {"a b"};
  json["model"]["unk_token"] = "<unk>";
  json["model"]["byte_fallback"] = true;
  json["added_tokens"] = {{{"id", 1}, {"content", "<s>"}, {"special", true}}};
  json["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers",
       {{{"type", "Prepend"}, {"prepend", kMark}},
        {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kMark}}}}};
  json["pre_tokenizer"] = nullptr;
  json["decoder"] = {{"type", "Sequence"},
                     {"decoders",
                      {{{"type", "Replace"}, {"pattern", {{"String", kMark}}}, {"content", " "}},
                       {{"type", "ByteFallback"}},
                       {{"type", "Fuse"}},
                       {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  return json;
}

std::shared_ptr<const Tokenizer> make(const Json& json, const TokenizerConfig& config = {}) {
  return make_json_tokenizer(json, config, "some/tokenizer.json");
}

using Change = std::function<void(Json&)>;

void expect_refused(Json json, const Change& change, ErrorCode code,
                    const std::vector<std::string>& parts) {
  change(json);
  try {
    make(json);
    ADD_FAILURE() << "was taken, expected " << testing::PrintToString(parts);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_THAT(e.what(), HasSubstr("some/tokenizer.json: "));
    for (const std::string& part : parts) EXPECT_THAT(e.what(), HasSubstr(part));
  }
}

void unsupported(const Change& change, const std::vector<std::string>& parts) {
  expect_refused(tiny(), change, ErrorCode::kUnsupported, parts);
}
void corrupt(const Change& change, const std::vector<std::string>& parts) {
  expect_refused(tiny(), change, ErrorCode::kCorrupt, parts);
}

TEST(TokenizerJson, MergesAreReadInBothSpellings) {
  Json json = tiny();
  EXPECT_EQ(make(json)->encode("abc ab"), (Ids{28, 26, 27}));
  json["model"]["merges"] = Json::array({Json::array({"a", "b"}), Json::array({"ab", "c"})});
  EXPECT_EQ(make(json)->encode("abc ab"), (Ids{28, 26, 27}));
  EXPECT_EQ(make(json)->encode("xyz"), (Ids{23, 24, 25}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(make(json)->encode("xyz"), Ids{29});
}

TEST(TokenizerJson, PostProcessorAndConfigurationPutATokenInFront) {
  Json json = tiny();
  json["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single",
                             {{{"SpecialToken", {{"id", "<|end|>"}, {"type_id", 0}}}},
                              {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
                            {"special_tokens", {{"<|end|>", {{"ids", {30}}}}}}};
  EXPECT_EQ(make(json)->prefix(), Ids{30});
  EXPECT_EQ(make(json, {.add_bos_token = false})->prefix(), Ids{});
  EXPECT_EQ(make(tiny(), {.bos_token = "<|end|>", .add_bos_token = true})->prefix(), Ids{30});
  EXPECT_EQ(make(tiny(), {.eos_token = "<|end|>"})->eos_id(), 30);
  EXPECT_THROW(make(tiny(), {.add_bos_token = true}), Error);
  EXPECT_THROW(make(tiny(), {.eos_token = "<|other|>"}), Error);
}

TEST(TokenizerJson, TheConfigurationAddsTokensAndSaysWhichAreSpecial) {
  const TokenizerConfig config{
      .added = {{.content = "<|end|>", .id = 30}, {.content = "<tool>", .id = 31}},
      .special = {"xyz"}};
  const auto tokenizer = make(tiny(), config);
  EXPECT_EQ(tokenizer->encode("a<tool><|end|>xyz", SpecialText::kParse), (Ids{0, 31, 30, 29}));
  EXPECT_TRUE(tokenizer->is_special(30));
  EXPECT_FALSE(tokenizer->is_special(31));
  EXPECT_TRUE(tokenizer->is_special(29));
  EXPECT_THROW(make(tiny(), {.added = {{.content = "<|end|>", .id = 31}}}), Error);
  EXPECT_THROW(make(tiny(), {.added = {{.content = "<tool>", .id = 3}}}), Error);
}

TEST(TokenizerJson, AnAddedTokenThatMergingMakesStaysInPlainText) {
  Json json = tiny();
  json["added_tokens"].push_back({{"id", 27}, {"content", "ab"}, {"special", false}});
  EXPECT_EQ(make(json)->encode("ab"), Ids{27});
  json["added_tokens"][1]["special"] = true;
  EXPECT_EQ(make(json)->encode("ab"), (Ids{0, 1}));
  EXPECT_EQ(make(json)->encode("ab", SpecialText::kParse), Ids{27});
}

TEST(TokenizerJson, CharactersFallBackToBytes) {
  const auto tokenizer = make(tiny_marks());
  EXPECT_EQ(tokenizer->encode("ab \u4f60\u597d"),
            (Ids{259, 262, 259, 263, 3 + 0xE5, 3 + 0xA5, 3 + 0xBD}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("ab \u4f60\u597d")), "ab \u4f60\u597d");
  EXPECT_EQ(tokenizer->encode("<0x41>").size(), 7u) << "only bytes of unknown characters";
}

TEST(TokenizerJson, WhatIsNotKnownIsRefusedByField) {
  unsupported([](Json& j) { j["model"]["type"] = "Unigram"; }, {"model.type", "Unigram", "BPE"});
  unsupported([](Json& j) { j["model"]["dropout"] = 0.1; }, {"model.dropout", "0.1"});
  unsupported([](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, {"model.end_of_word"});
  unsupported([](Json& j) { j["model"]["byte_fallback"] = true; }, {"model.byte_fallback"});
  unsupported([](Json& j) { j["model"]["unk_token"] = "a"; }, {"model.unk_token", "null"});
  unsupported([](Json& j) { j["normalizer"] = {{"type", "NFKC"}}; }, {"normalizer.type", "NFKC"});
  unsupported(
      [](Json& j) {
        j["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}};
      },
      {"normalizer.normalizers[0].type", "Lowercase"});
  const auto pre = [](Json& j, size_t i) -> Json& {
    return j["pre_tokenizer"]["pretokenizers"][i];
  };
  unsupported([&](Json& j) { pre(j, 0)["type"] = "Whitespace"; },
              {"pre_tokenizer.pretokenizers[0].type", "Whitespace", "Split, Digits, ByteLevel"});
  unsupported([&](Json& j) { pre(j, 0)["behavior"] = "Removed"; },
              {"pre_tokenizer.pretokenizers[0].behavior", "Removed", "Isolated"});
  unsupported([&](Json& j) { pre(j, 0)["invert"] = true; }, {"pretokenizers[0].invert"});
  unsupported(
      [&](Json& j) {
        pre(j, 0)["pattern"] = {{"String", " "}};
      },
      {"pretokenizers[0].pattern"});
  unsupported([&](Json& j) { pre(j, 0)["pattern"]["Regex"] = "\\w+"; },
              {"pretokenizers[0].pattern.Regex", "\\w"});
  unsupported([&](Json& j) { pre(j, 0)["pattern"]["Regex"] = "(a"; },
              {"pretokenizers[0].pattern.Regex", "PCRE2"});
  unsupported([&](Json& j) { std::swap(pre(j, 0), pre(j, 1)); }, {"pretokenizers[1].type"});
  unsupported([&](Json& j) { pre(j, 1)["add_prefix_space"] = true; },
              {"pretokenizers[1].add_prefix_space"});
  unsupported([](Json& j) { j["pre_tokenizer"] = nullptr; }, {"pre_tokenizer", "ByteLevel"});
  unsupported(
      [](Json& j) {
        j["post_processor"] = {{"type", "BertProcessing"}};
      },
      {"post_processor.type", "BertProcessing"});
  unsupported(
      [](Json& j) {
        j["post_processor"] = {
            {"type", "TemplateProcessing"},
            {"single", {{{"Sequence", {{"id", "A"}}}}, {{"SpecialToken", {{"id", "<|end|>"}}}}}}};
      },
      {"post_processor.single", "in front"});
  unsupported([](Json& j) { j["decoder"] = {{"type", "WordPiece"}}; }, {"decoder", "ByteLevel"});
  unsupported([](Json& j) { j.erase("decoder"); }, {"decoder", "ByteLevel"});
  for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
    unsupported([&](Json& j) { j["added_tokens"][0][flag] = true; },
                {"added_tokens[0]." + std::string(flag), "<|end|>"});
  }
}

TEST(TokenizerJson, WhatIsNotKnownOfSpaceMarksIsRefusedByField) {
  const auto refused = [](const Change& change, const std::vector<std::string>& parts) {
    expect_refused(tiny_marks(), change, ErrorCode::kUnsupported, parts);
  };
  refused([](Json& j) { j["model"]["byte_fallback"] = false; }, {"model.byte_fallback"});
  refused([](Json& j) { j["model"]["vocab"].erase("<0x41>"); }, {"model.byte_fallback"});
  refused([](Json& j) { j["normalizer"]["normalizers"][0]["prepend"] = "_"; },
          {"normalizer.normalizers[0].prepend"});
  refused([](Json& j) { j["normalizer"]["normalizers"][1]["content"] = "_"; },
          {"normalizer.normalizers[1].pattern"});
  refused([](Json& j) { j["decoder"]["decoders"].erase(1); }, {"decoder"});
  refused([](Json& j) { j["decoder"]["decoders"][3]["start"] = 2; }, {"decoder.decoders[3].start"});
  refused([](Json& j) { j["added_tokens"][0]["normalized"] = true; }, {"added_tokens", "<s>"});
  refused(
      [](Json& j) {
        j["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", kMark}, {"split", true}};
      },
      {"pre_tokenizer.split"});
}

TEST(TokenizerJson, AContradictingFileIsRefusedByField) {
  corrupt([](Json& j) { j.erase("model"); }, {"model"});
  corrupt([](Json& j) { j["model"].erase("vocab"); }, {"model.vocab"});
  corrupt([](Json& j) { j["model"]["vocab"] = Json::object(); }, {"model.vocab"});
  corrupt([](Json& j) { j["model"]["vocab"] = Json::array({1}); }, {"model.vocab"});
  corrupt([](Json& j) { j["model"]["vocab"]["a"] = -1; }, {"model.vocab", "\"a\""});
  corrupt([](Json& j) { j["model"]["vocab"]["a"] = 1.5; }, {"model.vocab", "\"a\""});
  corrupt([](Json& j) { j["model"]["vocab"]["a"] = "1"; }, {"model.vocab", "\"a\""});
  corrupt([](Json& j) { j["model"]["vocab"]["a"] = 4000000; }, {"model.vocab", "4000000"});
  corrupt([](Json& j) { j["model"]["vocab"]["a"] = 1; }, {"model.vocab", "id 1"});
  corrupt([](Json& j) { j["model"].erase("merges"); }, {"model.merges"});
  corrupt([](Json& j) { j["model"]["merges"] = "a b"; }, {"model.merges"});
  for (const Json& entry :
       {Json("ab"), Json("a  b"), Json("a b c"), Json(""), Json(" b"), Json(3), Json("a ?"),
        Json::array({"a"}), Json::array({"a", 3}), Json::array({"b", "a"}), Json("\u4f60 a")}) {
    corrupt([&](Json& j) { j["model"]["merges"][1] = entry; }, {"model.merges: entry 1"});
  }
  corrupt([](Json& j) { j["added_tokens"] = 3; }, {"added_tokens"});
  corrupt([](Json& j) { j["added_tokens"][0] = 3; }, {"added_tokens[0]"});
  corrupt([](Json& j) { j["added_tokens"][0].erase("content"); }, {"added_tokens[0].content"});
  corrupt([](Json& j) { j["added_tokens"][0]["content"] = ""; }, {"added_tokens"});
  corrupt([](Json& j) { j["added_tokens"][0]["id"] = "30"; }, {"added_tokens[0].id"});
  corrupt([](Json& j) { j["added_tokens"][0]["id"] = 5; }, {"added_tokens", "id 5"});
  corrupt([](Json& j) { j["added_tokens"][0]["id"] = -5; }, {"added_tokens[0].id"});
  corrupt([](Json& j) { j["added_tokens"][0]["content"] = "ab"; }, {"added_tokens", "27"});
  corrupt([](Json& j) { j["pre_tokenizer"]["pretokenizers"][0] = 3; }, {"pretokenizers[0]"});
  corrupt(
      [](Json& j) {
        j["post_processor"] = {
            {"type", "TemplateProcessing"},
            {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}}};
      },
      {"post_processor.special_tokens", "<s>"});
}

// A pattern that takes forever upstream ends here with an error, in bounded time.
TEST(TokenizerJson, AHostilePatternDoesNotHang) {
  for (const char* regex : {"(?:a+)+b", "(?:a|a)*b", "(?:a*)*(?:a*)*b", "a*a*a*a*a*a*b"}) {
    Json json = tiny();
    json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = regex;
    const auto tokenizer = make(json);
    const auto start = std::chrono::steady_clock::now();
    try {
      tokenizer->encode(std::string(3000, 'a') + "cb");
      ADD_FAILURE() << regex << " was run to its end";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
      EXPECT_THAT(e.what(), HasSubstr("pretokenizers[0].pattern.Regex"));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << regex;
  }
}

TEST(TokenizerJson, RunsOfAWholeTextAreNoHostility) {
  Json json = tiny();
  json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = std::string(qwen_pattern());
  const auto tokenizer = make(json);
  for (const char* c : {"a", " ", "\n", "!", "\u4f60"}) {
    std::string text;
    for (int i = 0; i < 300000; ++i) text += c;
    EXPECT_NO_THROW(tokenizer->encode(text + "x")) << c;
  }
}

TEST(TokenizerJson, AMatchOfNothingCutsAndGoesOn) {
  Json json = tiny();
  json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(?=b)|c";
  json["model"]["merges"] = {"a b"};
  EXPECT_EQ(make(json)->encode("aabcab"), (Ids{0, 0, 1, 2, 0, 1}));
}

// The files of a folder, as Qwen2's slow tokenizer has them.
class Qwen2Files : public ::testing::Test {
 protected:
  void SetUp() override {
    write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "Ġ": 3})");
    write("merges.txt", "#version: 0.2\r\n\na b\r\n");
    write("tokenizer_config.json", R"({"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<e>",
          "added_tokens_decoder": {"4": {"content": "<e>", "special": true}}})");
  }
  void write(const char* name, std::string_view text) {
    test::write_file(folder_.path() / name, text);
  }
  void expect_refused(ErrorCode code, const std::vector<std::string>& parts) {
    try {
      Tokenizer::load(folder_.path());
      ADD_FAILURE() << "was taken, expected " << testing::PrintToString(parts);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      for (const std::string& part : parts) EXPECT_THAT(e.what(), HasSubstr(part));
    }
  }
  test::TempDir folder_;
};

TEST_F(Qwen2Files, AreReadTogether) {
  const auto tokenizer = Tokenizer::load(folder_.path());
  EXPECT_EQ(tokenizer->encode("ab<e> a", SpecialText::kParse), (Ids{2, 4, 3, 0}));
  EXPECT_EQ(tokenizer->eos_id(), 4);
}

TEST_F(Qwen2Files, OlderFoldersNameTheirTokensElsewhere) {
  write("tokenizer_config.json", R"({"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<e>",
        "additional_special_tokens": ["<f>"]})");
  write("added_tokens.json", R"({"<e>": 4, "<f>": 5, "<g>": 6})");
  write("special_tokens_map.json", R"({"eos_token": {"content": "<f>"}})");
  const auto tokenizer = Tokenizer::load(folder_.path());
  EXPECT_EQ(tokenizer->eos_id(), 5) << "the map counts after the configuration";
  EXPECT_TRUE(tokenizer->is_special(4));
  EXPECT_TRUE(tokenizer->is_special(5));
  EXPECT_FALSE(tokenizer->is_special(6));
  EXPECT_EQ(tokenizer->encode("<g>", SpecialText::kParse), Ids{6});
}

TEST_F(Qwen2Files, OfAnotherTokenizerAreNotGuessedAt) {
  write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  expect_refused(ErrorCode::kUnsupported, {"vocab.json", "GPT2Tokenizer", "Qwen2Tokenizer"});
  write("tokenizer_config.json", "{}");
  expect_refused(ErrorCode::kUnsupported, {"vocab.json", "neither"});
  write("config.json", R"({"model_type": "gpt2"})");
  expect_refused(ErrorCode::kUnsupported, {"vocab.json", "\"gpt2\""});
  write("config.json", R"({"model_type": "qwen2"})");
  EXPECT_EQ(Tokenizer::load(folder_.path())->encode("ab"), Ids{2});
}

TEST_F(Qwen2Files, AreRefusedByLineAndEntry) {
  for (const char* line : {"ab", "a b c", "a  b", "b a", "a ?", "\xFF a"}) {
    write("merges.txt", "#version: 0.2\na b\n\n" + std::string(line));
    expect_refused(ErrorCode::kCorrupt, {"merges.txt: line 4 "});
  }
  write("merges.txt", "#version: 0.2\n");
  for (const char* vocab : {"[]", "{}", "{\"a\": \"x\"}", "{\"a\": 1, \"b\": 1}", "{\"a\": -1}",
                            "{\"a\": 9999999}", "{\"a\": 1, \"a\": 2}", "{\"a\":"}) {
    write("vocab.json", vocab);
    expect_refused(ErrorCode::kCorrupt, {"vocab.json"});
  }
  std::filesystem::remove(folder_.path() / "merges.txt");
  write("vocab.json", R"({"a": 0})");
  expect_refused(ErrorCode::kNotFound, {"merges.txt"});
}

TEST_F(Qwen2Files, TheConfigurationIsRefusedByField) {
  const auto refused = [&](const char* config, ErrorCode code, const std::string& part) {
    write("tokenizer_config.json", config);
    expect_refused(code, {"tokenizer_config.json", part});
  };
  const auto bad = ErrorCode::kCorrupt;
  refused("[]", bad, "object");
  refused(R"({"tokenizer_class": 3})", bad, "tokenizer_class");
  refused(R"({"eos_token": 3})", bad, "eos_token");
  refused(R"({"eos_token": {"special": true}})", bad, "eos_token.content");
  refused(R"({"additional_special_tokens": [3]})", bad, "additional_special_tokens");
  refused(R"({"additional_special_tokens": [{"content": 3}]})", bad,
          "additional_special_tokens[0].content");
  refused(R"({"added_tokens_decoder": {"x": {"content": "a"}}})", bad, "added_tokens_decoder.x");
  refused(R"({"added_tokens_decoder": {"99999999": {"content": "a"}}})", bad,
          "added_tokens_decoder.99999999");
  refused(R"({"added_tokens_decoder": {"4": null}})", bad, "added_tokens_decoder.4");
  refused(R"({"added_tokens_decoder": {"4": {"content": "a", "lstrip": true}}})",
          ErrorCode::kUnsupported, "added_tokens_decoder.4.lstrip");
  refused(R"({"add_eos_token": true})", ErrorCode::kUnsupported, "add_eos_token");
}

}  // namespace
}  // namespace heng::text
