// The tokenizer of a model that has none: every id stands for no text, so that such a model still
// runs on ids. Immutable; safe to use from many threads.
#pragma once

#include "heng/tokenizer.h"

namespace heng::engine {

class IdsOnly final : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view, SpecialText) const override { return {}; }
  std::string_view token_bytes(TokenId) const override { return {}; }
  bool is_special(TokenId) const override { return false; }
  std::optional<TokenId> special_id(std::string_view) const override { return std::nullopt; }
  size_t size() const override { return 0; }
  std::optional<TokenId> bos_id() const override { return std::nullopt; }
  std::optional<TokenId> eos_id() const override { return std::nullopt; }
  std::vector<TokenId> prefix() const override { return {}; }
  std::string description() const override { return "none"; }
};

}  // namespace heng::engine
