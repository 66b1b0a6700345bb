// Finds the names of special tokens in text. Immutable; safe to use from many threads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "heng/tokenizer.h"

namespace heng::text {

class SpecialNames {
 public:
  struct Entry {
    std::string name;
    TokenId id;
  };
  // Of two entries with one name the first holds; empty names are ignored.
  explicit SpecialNames(std::vector<Entry> entries);

  std::optional<TokenId> find(std::string_view name) const;

  // Walks over `text` in order: `plain` gets what lies between names, `special` each name's id. The
  // leftmost name counts, of several that begin there the longest.
  void partition(std::string_view text, const std::function<void(std::string_view)>& plain,
                 const std::function<void(TokenId)>& special) const;

 private:
  std::unordered_map<std::string, TokenId> ids_;
  std::vector<size_t> lengths_[256];  // by first byte: lengths of names, longest first
};

}  // namespace heng::text
