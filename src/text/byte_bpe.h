// Byte-pair encoding of one piece of text into token ids, in both forms that are published:
// tiktoken's, where a token's id is its rank and any two neighbours may merge whose bytes together
// are a token; and GPT-2's, where a list of pairs says what merges. The pair of lowest rank goes
// first, of equals the leftmost. Owns the vocabulary; immutable and safe to use from many threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heng/tokenizer.h"
#include "text/flat_table.h"
#include "text/linear_bpe.h"

namespace heng::text {

enum class TokenKind : uint8_t {
  kPlain,    // comes out of plain text
  kSpecial,  // only by its name; not shown where special tokens are skipped
  kAdded,    // only by its name; shown as any text
  kByte,     // one byte of a character that is no token; comes out of plain text
  kUnused,   // has an id and nothing more
};

// Index = id.
struct Vocabulary {
  std::vector<std::string> bytes;  // raw bytes; of special and added tokens the name
  std::vector<TokenKind> kinds;    // as long as `bytes`
};

// What one piece cost; filled for tests, which bound it.
struct BpeWork {
  size_t candidates = 0;  // pairs that were looked at
  size_t merges = 0;
};

// Working memory of encode_piece, kept between pieces. One per thread.
class BpeScratch {
 public:
  BpeWork work;

 private:
  friend class ByteBpe;
  struct Symbol {
    uint32_t begin, length;  // bytes of the piece
    int32_t previous, next;  // -1: none
    TokenId id;              // -1: merged away
  };
  struct Candidate {
    uint32_t rank, left;        // `left`: index of a symbol
    TokenId left_id, right_id;  // as they were; the candidate is void once they changed
    TokenId merged_id;
  };
  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;
  LinearBpe::Scratch linear_;
};

class ByteBpe {
 public:
  // One pair of GPT-2's list, in the order of the list.
  struct Merge {
    TokenId left, right, merged;
  };
  enum class WholePiece {
    kMerge,      // a piece is always merged up from its bytes
    kTakeToken,  // a piece that is a token is that token ("ignore_merges")
  };
  // What merging starts from.
  enum class Symbols {
    kBytes,       // the plain tokens of one byte
    kCharacters,  // the plain tokens of one character; of a character that is none, its kByte ones
  };

  // tiktoken's form: plain tokens merge by id. REQUIRES: no two plain tokens have the same bytes.
  explicit ByteBpe(Vocabulary vocabulary);
  // GPT-2's form. REQUIRES: ids of `merges` are plain tokens.
  ByteBpe(Vocabulary vocabulary, const std::vector<Merge>& merges, WholePiece whole_piece,
          Symbols symbols = Symbols::kBytes);
  ByteBpe(ByteBpe&&) = default;

  // Says that a text of so many bytes comes. Once many bytes have come, what makes pieces fast is
  // made, with the same ids: it takes a tenth of a second and some tens of megabytes.
  void expect(size_t text_bytes) const;

  // Appends the ids of `piece`, in O(n log n). A byte that is no token by itself is left out, as
  // upstream's tokenizers do. REQUIRES: piece is shorter than 2^31 bytes, and valid UTF-8 where
  // merging starts from characters.
  void encode_piece(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& ids) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  // The plain token of exactly these bytes, or -1.
  TokenId find(std::string_view bytes) const;
  // Whether every byte has a token to start from.
  bool has_all_bytes() const;
  // Whether every byte has one that valid UTF-8 can hold: all but C0, C1, F5 to FF.
  bool has_all_utf8_bytes() const;

 private:
  struct Step {
    uint32_t rank = kNoMerge;
    TokenId id = -1;  // what the two merge to
  };
  struct Token {
    uint32_t length = 0;
    TokenId id = -1;
  };
  struct Linear {
    std::once_flag once;
    std::atomic<size_t> expected_bytes = 0;
    std::atomic<bool> is_made = false;
    std::optional<LinearBpe> bpe;  // empty: its way is not that of merging
  };
  static constexpr uint32_t kNoMerge = UINT32_MAX;

  void index_plain_tokens();
  std::string_view spelling(TokenId id) const { return vocabulary_.bytes[static_cast<size_t>(id)]; }
  std::optional<LinearBpe> make_linear() const;
  // What merges make, in their order; the bytes first.
  std::vector<LinearBpe::Token> in_order() const;
  // Whether a token that shares the key of `bytes` is spelled so too.
  bool is_spelled(const Token& token, std::string_view bytes) const;
  void split_to_symbols(std::string_view piece, BpeScratch& scratch) const;
  // What neighbours merge to: those of ids `left` and `right`, which together are `bytes`.
  Step step(std::string_view bytes, TokenId left, TokenId right) const;
  void push_candidate(std::string_view piece, int32_t left, BpeScratch& scratch) const;
  void merge_all(std::string_view piece, BpeScratch& scratch) const;
  void merge(std::string_view piece, BpeScratch& scratch, std::vector<TokenId>& ids) const;

  Vocabulary vocabulary_;
  FlatTable<Token> plain_;   // key: key_of the bytes
  FlatTable<Step> merges_;   // key: left id << 32 | right id
  std::vector<Merge> list_;  // GPT-2's
  std::unique_ptr<Linear> linear_ = std::make_unique<Linear>();
  TokenId byte_ids_[256];  // -1: none
  size_t longest_ = 0;     // bytes of the longest plain token
  bool by_rank_;
  bool take_whole_;
  bool from_characters_ = false;
};

}  // namespace heng::text
