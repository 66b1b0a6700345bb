#include "text/sentencepiece.h"

#include <sentencepiece_processor.h>

#include <array>
#include <limits>
#include <map>

#include "base/message.h"
#include "heng/error.h"
#include "text/token_spelling.h"

namespace heng::text {
namespace {

using PieceType = SentencePieceModel::PieceType;

constexpr std::string_view kUnknownText = " \xE2\x81\x87 ";  // how the library shows the unknown

std::string byte_of(std::string_view piece, std::string_view file) {
  const int byte = byte_named(piece);
  if (byte >= 0) return std::string(1, static_cast<char>(byte));
  throw Error(ErrorCode::kCorrupt, std::string(file) + ": byte piece \"" + printable(piece) +
                                       "\", expected one like <0xE5>. Fetch the file again.");
}

std::string text_of(const SentencePieceModel::Piece& piece, std::string_view file) {
  switch (piece.type) {
    case PieceType::kByte:
      return byte_of(piece.text, file);
    case PieceType::kUnknown:
      return std::string(kUnknownText);
    case PieceType::kControl:
      return piece.text;
    default:
      return with_spaces(piece.text);
  }
}

// transformers' clean_up_tokenization: in this order.
std::string cleaned_up(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kRules{{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [from, to] : kRules) {
    std::string out;
    size_t at = 0;
    for (size_t hit; (hit = text.find(from, at)) != std::string::npos; at = hit + from.size()) {
      out.append(text, at, hit - at).append(to);
    }
    text = out.append(text, at);
  }
  return text;
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(SentencePieceParts parts) : parts_(std::move(parts)) {
    const SentencePieceModel model = parse_sentencepiece_model(parts_.model, parts_.file);
    const auto status = processor_.LoadFromSerializedProto(parts_.model);
    parts_.model = std::string();  // the processor has its own copy
    if (!status.ok()) fail(status.ToString());
    n_pieces_ = model.pieces.size();
    if (processor_.GetPieceSize() != static_cast<int>(n_pieces_)) fail("its pieces do not add up");
    for (size_t id = 0; id < n_pieces_; ++id) {
      const auto& piece = model.pieces[id];
      texts_.push_back(text_of(piece, parts_.file));
      special_.push_back(piece.type == PieceType::kControl);
      if (special_.back() || piece.type == PieceType::kUserDefined) {
        names_.emplace(piece.text, static_cast<TokenId>(id));
      }
    }
    for (const std::string& name : parts_.added) {
      names_.emplace(name, static_cast<TokenId>(texts_.size()));
      texts_.push_back(name);
      special_.push_back(true);
    }
    for (const auto& [name, id] : parts_.aliases) {
      check_id(id);
      names_.emplace(name, id);
      special_[static_cast<size_t>(id)] = true;
    }
    bos_ = existing(model.bos_id);
    eos_ = existing(model.eos_id);
    drops_first_space_ = model.add_dummy_prefix;
    kind_ = model.kind;
  }

  std::vector<TokenId> encode(std::string_view text, SpecialText) const override {
    if (text.size() > std::numeric_limits<int32_t>::max()) {
      throw Error(ErrorCode::kInvalidArgument, "text of " + std::to_string(text.size()) +
                                                   " bytes: too long to be tokenized at once");
    }
    std::vector<int> ids;
    const auto status = processor_.Encode(replace_invalid_utf8(text), &ids);
    if (!status.ok()) fail(status.ToString());
    return ids;
  }

  // Special tokens have no text upstream, asked for or not; the library itself skips control
  // pieces.
  std::string decode(std::span<const TokenId> ids, SpecialTokens) const override {
    std::vector<int> pieces;
    for (const TokenId id : ids) {
      check_id(id);
      const bool control = static_cast<size_t>(id) < n_pieces_ && processor_.IsControl(id);
      if (control || !special_[static_cast<size_t>(id)]) pieces.push_back(id);
    }
    std::string text;
    const auto status = processor_.Decode(pieces, &text);
    if (!status.ok()) fail(status.ToString());
    return parts_.clean_up_spaces ? cleaned_up(std::move(text)) : text;
  }

  std::string_view token_bytes(TokenId id) const override {
    check_id(id);
    return texts_[static_cast<size_t>(id)];
  }
  bool is_special(TokenId id) const override {
    check_id(id);
    return special_[static_cast<size_t>(id)];
  }
  std::optional<TokenId> special_id(std::string_view name) const override {
    const auto it = names_.find(name);
    return it == names_.end() ? std::nullopt : std::optional(it->second);
  }
  size_t size() const override { return texts_.size(); }
  std::optional<TokenId> bos_id() const override { return bos_; }
  std::optional<TokenId> eos_id() const override { return eos_; }
  std::vector<TokenId> prefix() const override { return parts_.prefix; }
  bool drops_first_space() const override { return drops_first_space_; }
  std::string description() const override {
    const std::string kind = kind_ == SentencePieceModel::Kind::kBpe ? " BPE" : " unigram";
    const std::string added =
        parts_.added.empty() ? "" : " + " + with_commas(parts_.added.size()) + " special";
    return "SentencePiece" + kind + ", " + with_commas(n_pieces_) + added;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorCode::kCorrupt, parts_.file + ": " + printable(problem));
  }

  std::optional<TokenId> existing(int id) const {
    return id >= 0 && static_cast<size_t>(id) < n_pieces_ ? std::optional<TokenId>(id)
                                                          : std::nullopt;
  }

  void check_id(TokenId id) const {
    if (id >= 0 && static_cast<size_t>(id) < size()) return;
    throw Error(ErrorCode::kInvalidArgument, "token id " + std::to_string(id) +
                                                 ": this tokenizer has ids 0 to " +
                                                 std::to_string(size() - 1));
  }

  SentencePieceParts parts_;
  sentencepiece::SentencePieceProcessor processor_;
  size_t n_pieces_ = 0;
  std::vector<std::string> texts_;
  std::vector<bool> special_;
  std::map<std::string, TokenId, std::less<>> names_;
  std::optional<TokenId> bos_, eos_;
  bool drops_first_space_ = true;
  SentencePieceModel::Kind kind_ = SentencePieceModel::Kind::kBpe;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_sentencepiece_tokenizer(SentencePieceParts parts) {
  return std::make_shared<SentencePieceTokenizer>(std::move(parts));
}

}  // namespace heng::text
