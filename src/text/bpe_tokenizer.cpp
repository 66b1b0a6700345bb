#include "text/bpe_tokenizer.h"

#include <limits>

#include "heng/error.h"
#include "text/nfc.h"
#include "text/token_spelling.h"
#include "text/utf8.h"

namespace heng::text {
namespace {

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeTokenizerParts parts)
      : parts_(std::move(parts)),
        names_(std::move(parts_.names)),
        names_in_normal_text_(std::move(parts_.names_in_normal_text)) {}

  std::vector<TokenId> encode(std::string_view text, SpecialText special) const override {
    check_length(text.size());
    std::string own;
    if (!is_valid_utf8(text)) text = own = replace_invalid_utf8(text);
    std::vector<TokenId> ids;
    parts_.bpe.expect(text.size());
    BpeScratch scratch;
    bool at_start = false;
    const auto name = [&](TokenId id) {
      ids.push_back(id);
      at_start = false;
    };
    const auto pieces = [&](std::string_view section) {
      std::string spaced;
      if (needs_space(section, at_start)) section = spaced.append(" ").append(section);
      at_start = false;
      parts_.splitter.split(
          section, [&](std::string_view piece) { parts_.bpe.encode_piece(piece, scratch, ids); });
    };
    const auto normalised = [&](std::string_view section) {
      at_start = section.data() == text.data();
      std::string normal, spaced;
      if (parts_.nfc) section = normal = to_nfc(section);
      if (parts_.marks_are_spaces) section = spaced = with_spaces(section);
      check_length(section.size());
      if (special == SpecialText::kPlain) return pieces(section);
      names_in_normal_text_.partition(section, pieces, name);
    };
    if (special == SpecialText::kPlain) {
      normalised(text);
    } else {
      names_.partition(text, normalised, name);
    }
    return ids;
  }

  std::string decode(std::span<const TokenId> ids, SpecialTokens special) const override {
    std::string bytes = decode_bytes(ids, special);
    if (parts_.drops_first_space && bytes.starts_with(' ')) bytes.erase(0, 1);
    return replace_invalid_utf8(bytes);
  }

  std::string_view token_bytes(TokenId id) const override {
    check_id(id);
    return parts_.bpe.vocabulary().bytes[static_cast<size_t>(id)];
  }
  bool is_special(TokenId id) const override {
    check_id(id);
    return parts_.bpe.vocabulary().kinds[static_cast<size_t>(id)] == TokenKind::kSpecial;
  }
  std::optional<TokenId> special_id(std::string_view name) const override {
    const auto id = names_.find(name);
    return id ? id : names_in_normal_text_.find(name);
  }
  size_t size() const override { return parts_.bpe.vocabulary().bytes.size(); }
  std::optional<TokenId> bos_id() const override { return parts_.bos_id; }
  std::optional<TokenId> eos_id() const override { return parts_.eos_id; }
  std::vector<TokenId> prefix() const override { return parts_.prefix; }
  bool drops_first_space() const override { return parts_.drops_first_space; }
  std::string description() const override { return parts_.description; }

 private:
  bool needs_space(std::string_view section, bool at_start) const {
    if (section.empty()) return false;
    switch (parts_.space_prefix) {
      case SpacePrefix::kNone:
        return false;
      case SpacePrefix::kAlways:
        return true;
      case SpacePrefix::kUnlessThere:
        return section[0] != ' ';
      case SpacePrefix::kUnlessThereAtStart:
        return at_start && section[0] != ' ';
    }
    return false;
  }

  void check_id(TokenId id) const {
    if (id >= 0 && static_cast<size_t>(id) < size()) return;
    throw Error(ErrorCode::kInvalidArgument, "token id " + std::to_string(id) +
                                                 ": this tokenizer has ids 0 to " +
                                                 std::to_string(size() - 1));
  }

  // Positions inside a piece are 31 bits.
  static void check_length(size_t bytes) {
    constexpr size_t kMost = std::numeric_limits<int32_t>::max();
    if (bytes <= kMost) return;
    throw Error(ErrorCode::kInvalidArgument, "text of " + std::to_string(bytes) +
                                                 " bytes: at most " + std::to_string(kMost) +
                                                 " can be tokenized at once; split it");
  }

  BpeTokenizerParts parts_;
  SpecialNames names_, names_in_normal_text_;
};

}  // namespace

std::vector<SpecialNames::Entry> named_tokens(const Vocabulary& vocabulary) {
  std::vector<SpecialNames::Entry> entries;
  for (size_t id = 0; id < vocabulary.bytes.size(); ++id) {
    const TokenKind kind = vocabulary.kinds[id];
    if (kind != TokenKind::kSpecial && kind != TokenKind::kAdded) continue;
    entries.push_back({vocabulary.bytes[id], static_cast<TokenId>(id)});
  }
  return entries;
}

std::shared_ptr<const Tokenizer> make_bpe_tokenizer(BpeTokenizerParts parts) {
  return std::make_shared<BpeTokenizer>(std::move(parts));
}

}  // namespace heng::text
