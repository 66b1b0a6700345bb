// Byte-pair encoding without merging: the longest token that fits is taken, and taken back where
// merging would have cut otherwise. Two neighbours are right if undoing their merges, latest first,
// never shows two tokens across the cut that would have merged sooner; so every piece takes time in
// proportion to its length, and gives exactly what merging by rank gives. Source: Antwerpen and
// Neubeck, "So many tokens, so little time" (GitHub blog, December 2024). Immutable; safe to use
// from many threads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "heng/tokenizer.h"
#include "text/flat_table.h"
#include "text/prefix_tree.h"

namespace heng::text {

class LinearBpe {
 public:
  // What a merge makes. The first 256 are no merges but the bytes, in order.
  struct Token {
    std::string_view bytes;
    TokenId id;
    size_t split = 0;  // bytes of the left one of the two that merge; 0: whichever two they are
  };
  // Working memory of encode(), kept between pieces. One per thread.
  struct Scratch {
    std::vector<int32_t> taken;    // ranks
    std::vector<uint64_t> closed;  // a bit for each place where no cut may be
    size_t steps = 0;              // pairs looked at; for tests, which bound it
  };

  // `tokens` in the order of their merges. `merges_to_itself` says of a token's bytes whether
  // merging makes that token of them. nullopt where this way is not that of merging: a token comes
  // out that is made of later ones.
  static std::optional<LinearBpe> make(
      std::span<const Token> tokens, const std::function<bool(std::string_view)>& merges_to_itself);

  // Appends the ids of `piece`. REQUIRES: shorter than 2^31 bytes.
  void encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const;

 private:
  // A token is known by its rank: the index of the merge that makes it.
  struct Entry {
    TokenId id = -1;
    int32_t left = 0, right = 0;  // what it was merged from; of a byte: itself
    uint32_t rights = 0;  // a bit for each token that merges with it from the right, by hash
  };
  struct Pair {
    TokenId id = -1;  // rank of what two tokens merge to
  };

  explicit LinearBpe(std::span<const Token> tokens);
  // Makes `token` known, where it is made of two that are known.
  void add(const Token& token, int32_t rank);
  bool is_known(std::string_view bytes) const;
  bool find_halves(const Token& token, Entry& entry) const;
  // Whether merging leaves a cut between these two, where they stand side by side.
  bool may_meet(int32_t left, int32_t right, size_t& steps) const;

  HugeVector<Entry> entries_;      // index: rank
  std::vector<uint32_t> lengths_;  // the same; bytes
  PrefixTree tree_;                // of the tokens' bytes; value: rank
  FlatTable<Pair> pairs_;          // key: left rank << 32 | right rank
};

}  // namespace heng::text
