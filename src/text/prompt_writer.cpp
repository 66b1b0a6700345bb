#include "text/prompt_writer.h"

#include "heng/error.h"

namespace heng::text {

void Piece::add(const Piece& other) {
  ids.insert(ids.end(), other.ids.begin(), other.ids.end());
  text += other.text;
}

PromptWriter::PromptWriter(const Tokenizer& tokenizer, std::string_view format)
    : tokenizer_(tokenizer), format_(format) {}

void PromptWriter::special(std::string_view name) {
  id_or_fail(tokenizer_.special_id(name), name);
  piece_.text += name;
}

void PromptWriter::begin() {
  id_or_fail(tokenizer_.bos_id(), "for the start of a text");
  piece_.text += replace_invalid_utf8(tokenizer_.token_bytes(piece_.ids.back()));
}

void PromptWriter::end() {
  id_or_fail(tokenizer_.eos_id(), "for the end of a text");
  piece_.text += replace_invalid_utf8(tokenizer_.token_bytes(piece_.ids.back()));
}

void PromptWriter::plain(std::string_view text, std::string_view shown) {
  const std::vector<TokenId> ids = tokenizer_.encode(text, SpecialText::kPlain);
  piece_.ids.insert(piece_.ids.end(), ids.begin(), ids.end());
  piece_.text += replace_invalid_utf8(shown);
}

void PromptWriter::id_or_fail(std::optional<TokenId> id, std::string_view name) {
  if (!id) {
    throw Error(ErrorCode::kInvalidArgument, "chat format " + format_ + ": the tokenizer (" +
                                                 tokenizer_.description() +
                                                 ") has no special token " + std::string(name));
  }
  piece_.ids.push_back(*id);
}

}  // namespace heng::text
