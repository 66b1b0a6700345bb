#include "text/prefix_tree.h"

#include <bit>

namespace heng::text {

struct PrefixTree::Shape {
  struct Node {
    uint32_t parent, symbol;
    uint32_t n_children = 0;  // that lie in places_
  };
  std::vector<Node> nodes{{0, kNoSymbol}};  // the root first, parents before children

  explicit Shape(std::span<const std::string_view> strings);
};

// A node for each prefix that ends with a symbol.
PrefixTree::Shape::Shape(std::span<const std::string_view> strings) {
  struct Child {
    TokenId id = -1;
  };
  size_t most = 0;
  for (const std::string_view string : strings) {
    for (size_t at = 0; at < string.size(); ++most) at += symbol_at(string, at).length;
  }
  FlatTable<Child> children(most);
  for (const std::string_view string : strings) {
    uint32_t node = 0;
    for (size_t at = 0; at < string.size();) {
      const Symbol symbol = symbol_at(string, at);
      at += symbol.length;
      const uint64_t key = uint64_t{node} << 22 | symbol.key;
      TokenId id = children.find(key).id;
      if (id < 0) {
        id = static_cast<TokenId>(nodes.size());
        children.insert(key, {id});
        nodes.push_back({node, symbol.key});
        nodes[node].n_children += node != 0 || symbol.key >= kFirst;
      }
      node = static_cast<uint32_t>(id);
    }
  }
}

PrefixTree::PrefixTree(std::span<const std::string_view> strings) : first_(kFirst) {
  const Shape shape(strings);
  const auto log2_places = [](uint32_t n) { return static_cast<uint32_t>(std::bit_width(n)); };
  size_t n_places = 0;
  for (const auto& node : shape.nodes) {
    if (node.n_children > 0) n_places += size_t{1} << log2_places(node.n_children);
  }
  places_.resize(n_places);
  std::vector<Node*> where;
  for (size_t n = 0, next = 0; n < shape.nodes.size(); ++n) {
    const auto& from = shape.nodes[n];
    where.push_back(n == 0 ? &root_ : &free_place(*where[from.parent], from.symbol));
    Node& node = *where.back();
    node.symbol = from.symbol;
    if (from.n_children == 0) continue;
    node.log2_places = log2_places(from.n_children);
    node.first_place = next;
    next += size_t{1} << node.log2_places;
  }
}

PrefixTree::Node& PrefixTree::free_place(Node& parent, uint32_t symbol) {
  if (symbol >= kByte) parent.has_tails = 1;
  if (&parent == &root_ && symbol < kFirst) return first_[symbol];
  const uint64_t hash = mix(symbol);
  parent.children |= 1u << (hash >> 59);
  const size_t mask = (size_t{1} << parent.log2_places) - 1;
  size_t at = hash & mask;
  while (places_[parent.first_place + at].symbol != kNoSymbol) at = (at + 1) & mask;
  return places_[parent.first_place + at];
}

void PrefixTree::set(std::string_view bytes, int32_t value) {
  const Node* node = &root_;
  for (size_t at = 0; at < bytes.size();) {
    const Symbol symbol = symbol_at(bytes, at);
    node = child(*node, symbol.key);
    at += symbol.length;
  }
  const_cast<Node*>(node)->value = value;
}

PrefixTree::Symbol PrefixTree::rare_symbol(std::string_view text) {
  const Utf8Step step = utf8_step(text);
  if (step.kind == Utf8Kind::kCharacter) {
    return {static_cast<uint32_t>(utf8_decode(text)), step.length};
  }
  return {kByte | static_cast<uint8_t>(text[0]), 1};
}

void PrefixTree::take_tails(const Node* node, std::string_view text, size_t at,
                            Match& match) const {
  while (at + 1 < text.size()) {
    node = child(*node, kByte | static_cast<uint8_t>(text[at++]));
    if (node == nullptr) return;
    if (node->value >= 0) match = {node->value, at};
  }
}

}  // namespace heng::text
