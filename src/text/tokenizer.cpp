// The parts of heng/tokenizer.h that every tokenizer shares.
#include "heng/tokenizer.h"

namespace heng {

std::string Tokenizer::decode_bytes(std::span<const TokenId> ids, SpecialTokens special) const {
  std::string bytes;
  for (const TokenId id : ids) {
    const std::string_view piece = token_bytes(id);
    if (special == SpecialTokens::kKeep || !is_special(id)) bytes += piece;
  }
  return bytes;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, SpecialTokens special) const {
  return replace_invalid_utf8(decode_bytes(ids, special));
}

}  // namespace heng
