// Writes a prompt piece by piece: special tokens by name, contents as plain text. What all chat
// formats are made of. One writer per prompt; not thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heng/chat.h"

namespace heng::text {

// Ids and the text they stand for, growing together.
struct Piece {
  std::vector<TokenId> ids;
  std::string text;

  void add(const Piece& other);
};

class PromptWriter {
 public:
  // Borrows `tokenizer`; `format` is named in errors.
  PromptWriter(const Tokenizer& tokenizer, std::string_view format);

  // Throws Error kInvalidArgument where the tokenizer has no special token of that name.
  void special(std::string_view name);
  // The tokenizer's start or end token. Throws Error kInvalidArgument where it has none.
  void begin();
  void end();
  // Text by itself, plain: no special token can come out. `shown` stands for it in Piece::text.
  void plain(std::string_view text) { plain(text, text); }
  void plain(std::string_view text, std::string_view shown);

  const Piece& piece() const { return piece_; }
  Piece take() { return std::move(piece_); }

 private:
  void id_or_fail(std::optional<TokenId> id, std::string_view name);

  const Tokenizer& tokenizer_;
  const std::string format_;
  Piece piece_;
};

}  // namespace heng::text
