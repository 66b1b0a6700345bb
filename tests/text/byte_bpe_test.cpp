#include "text/byte_bpe.h"

#include <gtest/gtest.h>

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

TEST(ByteBpe, RanksMergeAsTheDefinitionSays) {
  const ByteBpe bpe(plain_vocabulary(test::tiny_ranks()));
  std::mt19937 random(3);
  constexpr std::string_view kLetters = "aaaahello <|im_user\n1\xE4\xBD\xA0\xC3\xA9";
  for (int round = 0; round < 3000; ++round) {
    std::string piece;
    // Some short, some so long that a queue does the work.
    for (size_t n = random() % (round % 2 ? 30 : 200); n > 0; --n)
      piece += kLetters[random() % kLetters.size()];
    if (bpe.find(piece) >= 0) continue;  // a piece that is a token is that token
    ASSERT_EQ(encode(bpe, piece), by_definition(bpe, piece)) << testing::PrintToString(piece);
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
  for (const ByteBpe* bpe : {&ranks, &listed}) {
    BpeWork work;
    const Ids ids = encode(*bpe, std::string(n, 'a'), &work);
    EXPECT_EQ(ids.size(), bpe == &ranks ? n / 8 : n / 4);
    EXPECT_LE(work.merges, n);
    EXPECT_LE(work.candidates, 3 * n);
  }
}

}  // namespace
}  // namespace heng::text
