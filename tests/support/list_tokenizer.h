// A tokenizer that is a list of byte strings, the last one its end token.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heng/tokenizer.h"

namespace heng::test {

class ListTokenizer : public Tokenizer {
 public:
  // All single bytes, `more`, and "<end>".
  explicit ListTokenizer(const std::vector<std::string>& more, bool drops_first_space = false)
      : drops_first_space_(drops_first_space) {
    for (int b = 0; b < 256; ++b) texts_.push_back(std::string(1, static_cast<char>(b)));
    texts_.insert(texts_.end(), more.begin(), more.end());
    texts_.push_back("<end>");
  }

  TokenId end() const { return static_cast<TokenId>(texts_.size() - 1); }

  // The longest token each time.
  std::vector<TokenId> encode(std::string_view text, SpecialText) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      size_t best = static_cast<uint8_t>(text[0]);
      for (size_t i = 256; i + 1 < texts_.size(); ++i) {
        if (text.starts_with(texts_[i]) && texts_[i].size() > texts_[best].size()) best = i;
      }
      ids.push_back(static_cast<TokenId>(best));
      text.remove_prefix(texts_[best].size());
    }
    return ids;
  }
  std::string_view token_bytes(TokenId id) const override { return texts_.at(id); }
  bool is_special(TokenId id) const override { return id == end(); }
  std::optional<TokenId> special_id(std::string_view name) const override {
    return name == "<end>" ? std::optional(end()) : std::nullopt;
  }
  size_t size() const override { return texts_.size(); }
  std::optional<TokenId> bos_id() const override { return std::nullopt; }
  std::optional<TokenId> eos_id() const override { return end(); }
  std::vector<TokenId> prefix() const override { return {}; }
  bool drops_first_space() const override { return drops_first_space_; }
  std::string description() const override { return "a list"; }

 private:
  std::vector<std::string> texts_;
  bool drops_first_space_;
};

}  // namespace heng::test
