// A tree of byte strings, to find which of them a text begins with. It branches by whole
// characters, so that Chinese takes one step a character; strings that end inside a character
// branch by bytes there. What a step costs is memory out of reach of a core's own cache: a node
// says by itself which children it hardly has, and its children lie side by side. Safe to use from
// many threads once its values are set.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/flat_table.h"
#include "text/utf8.h"

namespace heng::text {

class PrefixTree {
 public:
  struct Match {
    int32_t value = -1;
    size_t length = 0;  // bytes; 0: none
  };

  PrefixTree() = default;
  // Has `strings`, none of them empty, without values yet. REQUIRES: fewer than 2^32 bytes in all.
  explicit PrefixTree(std::span<const std::string_view> strings);

  // REQUIRES: `bytes` is one of the strings, `value` is not negative.
  void set(std::string_view bytes, int32_t value);

  // The longest string with a value that `text` begins with.
  Match longest(std::string_view text) const {
    Match match;
    const Node* node = &root_;
    for (size_t at = 0; at < text.size();) {
      const Symbol symbol = symbol_at(text, at);
      const Node* next = child(*node, symbol.key);
      if (next != nullptr && next->value >= 0) {
        match = {next->value, at + symbol.length};
      } else if (node->has_tails && symbol.length > 1) {
        take_tails(node, text.substr(0, at + symbol.length), at, match);
      }
      if (next == nullptr) break;
      node = next;
      at += symbol.length;
    }
    return match;
  }

 private:
  static constexpr uint32_t kByte = 0x200000;      // beyond every character
  static constexpr uint32_t kNoSymbol = 0x3FFFFF;  // of a free place
  static constexpr size_t kFirst = 0x10000;        // characters that have a place below the root

  struct Node {
    uint64_t symbol : 22 = kNoSymbol;
    uint64_t has_tails : 1 = 0;  // some child is a byte of a character
    uint64_t log2_places : 6 = 0;
    uint64_t first_place : 35 = 0;  // of its children, in places_
    int32_t value = -1;             // -1: no string ends here
    uint32_t children = 0;          // a bit for each child, by hash
  };
  static_assert(sizeof(Node) == 16);
  struct Shape;  // the tree while it is made
  // A character, or a byte that is not of a whole one.
  struct Symbol {
    uint32_t key;
    size_t length;  // bytes
  };

  static Symbol symbol_at(std::string_view text, size_t at) {
    const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(text[at + i])}; };
    const uint32_t first = byte(0);
    if (first < 0x80) return {first, 1};
    // Most of Chinese: a lead byte that takes any two after it.
    if (first - 0xE1 < 0xED - 0xE1 && at + 2 < text.size() &&
        (((byte(1) ^ 0x80) | (byte(2) ^ 0x80)) & 0xC0) == 0) {
      return {(first & 0xF) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
    }
    return rare_symbol(text.substr(at));
  }
  static Symbol rare_symbol(std::string_view text);
  // Strings that end inside the character from `at` to the end of `text`.
  void take_tails(const Node* node, std::string_view text, size_t at, Match& match) const;

  const Node* child(const Node& parent, uint32_t symbol) const {
    if (&parent == &root_ && symbol < kFirst) {
      return first_[symbol].symbol == symbol ? &first_[symbol] : nullptr;
    }
    const uint64_t hash = mix(symbol);
    if (!(parent.children >> (hash >> 59) & 1)) return nullptr;
    const Node* places = places_.data() + parent.first_place;
    const size_t mask = (size_t{1} << parent.log2_places) - 1;
    for (size_t i = 0; i <= mask; ++i) {
      const Node& node = places[(hash + i) & mask];
      if (node.symbol == symbol) return &node;
      if (node.symbol == kNoSymbol) break;
    }
    return nullptr;
  }
  Node& free_place(Node& parent, uint32_t symbol);

  Node root_;                // of those that are not in first_
  HugeVector<Node> first_;   // index: character
  HugeVector<Node> places_;  // a node's children: a hash table of their own
};

}  // namespace heng::text
