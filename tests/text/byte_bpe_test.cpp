#include "text/byte_bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/tiny_tokenizer.h"

namespace heng::text {
namespace {

using Ids = std::vector<TokenId>;

Vocabulary plain_vocabulary(std::vector<std::string> bytes) {
  const size_t n = bytes.size();
  return {std::move(bytes), std::vector<TokenKind>(n, TokenKind::kPlain)};
}

Ids encode(const ByteBpe& bpe, std::string_view piece, BpeWork* work = nullptr) {
  BpeScratch scratch;
  Ids ids;
  bpe.encode_piece(piece, scratch, ids);
  if (work) *work = scratch.work;
  return ids;
}

// The definition, step by step: of all neighbours that make a token, the lowest rank, leftmost.
Ids by_definition(const ByteBpe& bpe, std::string_view piece) {
  std::vector<std::string> parts;
  for (const char c : piece) parts.push_back(std::string(1, c));
  while (true) {
    size_t best = parts.size();
    TokenId lowest = -1;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const TokenId id = bpe.find(parts[i] + parts[i + 1]);
      if (id < 0 || (lowest >= 0 && id >= lowest)) continue;
      lowest = id;
      best = i;
    }
    if (lowest < 0) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& part : parts) ids.push_back(bpe.find(part));
  return ids;
}

constexpr size_t kManyBytes = 1u << 30;  // enough for the quick way

std::string random_piece(std::mt19937& random, std::string_view letters, size_t most) {
  std::string piece;
  for (size_t n = 1 + random() % most; n > 0; --n) piece += letters[random() % letters.size()];
  return piece;
}

TEST(ByteBpe, RanksMergeAsTheDefinitionSays) {
  const ByteBpe merging(plain_vocabulary(test::tiny_ranks()));
  const ByteBpe quick(plain_vocabulary(test::tiny_ranks()));
  quick.expect(kManyBytes);
  std::mt19937 random(3);
  constexpr std::string_view kLetters = "aaaahello <|im_user\n1\xE4\xBD\xA0\xC3\xA9";
  for (int round = 0; round < 3000; ++round) {
    const std::string piece = random_piece(random, kLetters, round % 2 ? 30 : 200);
    if (merging.find(piece) >= 0) continue;  // a piece that is a token is that token
    const Ids want = by_definition(merging, piece);
    ASSERT_EQ(encode(merging, piece), want) << testing::PrintToString(piece);
    ASSERT_EQ(encode(quick, piece), want) << testing::PrintToString(piece);
  }
}

std::vector<std::string> all_bytes() {
  std::vector<std::string> tokens;
  for (int b = 0; b < 256; ++b) tokens.push_back(std::string(1, static_cast<char>(b)));
  return tokens;
}

// Vocabularies that nobody trained: tokens that never come out, that come out of later ones, that
// end or begin inside a character.
TEST(ByteBpe, TheQuickWayIsThatOfMergingWhateverTheRanks) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const std::string letters = round % 2 ? "ab" : "ab\xE4\xBD\xA0\xE4\xBD\xA1\xC3\xA9";
    std::vector<std::string> tokens = all_bytes();
    while (tokens.size() < 256 + 40) {
      // Half of them of two tokens, as trained ones are.
      const auto any = [&] {
        return tokens[random() % 2 ? 256 + random() % (tokens.size() - 255) - 1
                                   : uint8_t(letters[random() % letters.size()])];
      };
      const std::string token = random() % 2 ? any() + any() : random_piece(random, letters, 6);
      if (token.size() < 40 && std::ranges::find(tokens, token) == tokens.end())
        tokens.push_back(token);
    }
    const ByteBpe merging(plain_vocabulary(tokens)), quick(plain_vocabulary(tokens));
    quick.expect(kManyBytes);
    for (int n = 0; n < 100; ++n) {
      const std::string piece = random_piece(random, letters, 40);
      if (merging.find(piece) >= 0) continue;
      const Ids want = by_definition(merging, piece);
      ASSERT_EQ(encode(merging, piece), want) << round << " " << testing::PrintToString(piece);
      ASSERT_EQ(encode(quick, piece), want) << round << " " << testing::PrintToString(piece);
    }
  }
}

TEST(ByteBpe, TheQuickWayIsThatOfMergingWhateverTheList) {
  std::mt19937 random(12);
  for (int round = 0; round < 300; ++round) {
    const std::string letters = round % 2 ? "ab" : "ab\xE4\xBD\xA0";
    std::vector<std::string> tokens = all_bytes();
    std::vector<ByteBpe::Merge> merges;
    while (merges.size() < 40) {
      const auto any = [&]() -> TokenId {
        if (random() % 2) return static_cast<uint8_t>(letters[random() % letters.size()]);
        return static_cast<TokenId>(255 + random() % (tokens.size() - 255));
      };
      const TokenId left = any(), right = any();
      const std::string merged = tokens[size_t(left)] + tokens[size_t(right)];
      const auto known = std::ranges::find(tokens, merged) - tokens.begin();
      if (merged.size() > 40 || (round % 3 && known < std::ssize(tokens))) continue;
      if (known == std::ssize(tokens)) tokens.push_back(merged);
      merges.push_back({left, right, static_cast<TokenId>(known)});
    }
    if (round % 5 == 0) std::ranges::shuffle(merges, random);
    const ByteBpe merging(plain_vocabulary(tokens), merges, ByteBpe::WholePiece::kMerge);
    const ByteBpe quick(plain_vocabulary(tokens), merges, ByteBpe::WholePiece::kMerge);
    quick.expect(kManyBytes);
    for (int n = 0; n < 100; ++n) {
      const std::string piece = random_piece(random, letters, 40);
      ASSERT_EQ(encode(quick, piece), encode(merging, piece))
          << round << " " << testing::PrintToString(piece);
    }
  }
}

TEST(ByteBpe, APieceThatIsATokenIsThatToken) {
  auto ranks = test::tiny_ranks();
  ranks.push_back("xyz");  // no two parts of it are a token
  const ByteBpe bpe(plain_vocabulary(ranks));
  EXPECT_EQ(encode(bpe, "xyz"), Ids{static_cast<TokenId>(ranks.size() - 1)});
  EXPECT_EQ(encode(bpe, "xyzx"), (Ids{'x', 'y', 'z', 'x'}));
}

TEST(ByteBpe, MergesGoByTheListNotByTheId) {
  // "ab" comes before "bc" in the vocabulary, after it in the list.
  Vocabulary vocabulary = plain_vocabulary({"a", "b", "c", "ab", "bc"});
  const std::vector<ByteBpe::Merge> merges = {{1, 2, 4}, {0, 1, 3}};
  const ByteBpe bpe(std::move(vocabulary), merges, ByteBpe::WholePiece::kMerge);
  EXPECT_EQ(encode(bpe, "abc"), (Ids{0, 4}));
  EXPECT_EQ(encode(bpe, "abab"), (Ids{3, 3}));
}

TEST(ByteBpe, ATokenThatNoMergeMakesNeedsTakeToken) {
  const auto vocabulary = [] { return plain_vocabulary({"a", "b", "ab"}); };
  EXPECT_EQ(encode(ByteBpe(vocabulary(), {}, ByteBpe::WholePiece::kMerge), "ab"), (Ids{0, 1}));
  EXPECT_EQ(encode(ByteBpe(vocabulary(), {}, ByteBpe::WholePiece::kTakeToken), "ab"), (Ids{2}));
}

TEST(ByteBpe, AByteWithoutATokenIsLeftOut) {
  const ByteBpe bpe(plain_vocabulary({"a", "b"}), {}, ByteBpe::WholePiece::kMerge);
  EXPECT_EQ(encode(bpe, "a?b"), (Ids{0, 1}));
  EXPECT_FALSE(bpe.has_all_bytes());
}

TEST(ByteBpe, CharactersFallBackToTheirBytes) {
  // Tokens of two bytes that are no character by themselves must not come out.
  Vocabulary vocabulary = plain_vocabulary({"a", "\u4f60", "a\u4f60", "\xE5\xA5"});
  for (int b = 0; b < 256; ++b) {
    vocabulary.bytes.push_back(std::string(1, static_cast<char>(b)));
    vocabulary.kinds.push_back(TokenKind::kByte);
  }
  const std::vector<ByteBpe::Merge> merges = {{0, 1, 2}};
  const ByteBpe bpe(std::move(vocabulary), merges, ByteBpe::WholePiece::kMerge,
                    ByteBpe::Symbols::kCharacters);
  EXPECT_TRUE(bpe.has_all_bytes());
  EXPECT_EQ(encode(bpe, "a\u4f60a\u597d"), (Ids{2, 0, 4 + 0xE5, 4 + 0xA5, 4 + 0xBD}));
  EXPECT_EQ(encode(bpe, "b"), Ids{4 + 'b'});
}

TEST(ByteBpe, ALongRunTakesWorkInProportionToItsLength) {
  const ByteBpe ranks(plain_vocabulary(test::tiny_ranks()));
  const TokenId aa = ranks.find("aa");
  const std::vector<ByteBpe::Merge> merges = {{'a', 'a', aa}, {aa, aa, aa + 1}};
  const ByteBpe listed(plain_vocabulary(test::tiny_ranks()), merges, ByteBpe::WholePiece::kMerge);
  const size_t n = 1 << 20;
  for (const bool quick : {false, true}) {
    for (const ByteBpe* bpe : {&ranks, &listed}) {
      if (quick) bpe->expect(kManyBytes);
      BpeWork work;
      const Ids ids = encode(*bpe, std::string(n, 'a'), &work);
      EXPECT_EQ(ids.size(), bpe == &ranks ? n / 8 : n / 4);
      EXPECT_LE(work.merges, n);
      EXPECT_LE(work.candidates, 3 * n);
    }
  }
}

}  // namespace
}  // namespace heng::text
