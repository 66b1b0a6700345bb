// A form as an automaton over bytes: rules that call each other, each a graph of nodes. Recursion
// is a call; what may follow is read off by automaton.h. A Program is a plain value, immutable once
// ProgramBuilder::finish has made it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heng::grammar {

using NodeId = uint32_t;
using RuleId = uint32_t;

struct Node {
  enum class Kind : uint8_t {
    kEnd,    // of the rule
    kRange,  // a byte from low to high, then next
    kSplit,  // next or other, without a byte
    kCall,   // the rule `other`, then next
  };
  Kind kind;
  uint8_t low = 0, high = 0;
  NodeId next = 0;
  uint32_t other = 0;
};

// Calls that may be open at once; so JSON cannot nest deeper.
constexpr uint32_t kMostDepth = 64;

// Bytes that can be written one by one. Others never come: a place could be reached where only they
// go on.
using Alphabet = std::array<bool, 256>;

struct Program {
  std::vector<Node> nodes;
  std::vector<NodeId> rules;  // where each begins
  RuleId root = 0;
  // Of each node, the calls that the way to the end of its rule holds open at least. More than
  // kMostDepth where there is no way.
  std::vector<uint32_t> need;
  Alphabet alphabet;
};

// Builds rules from their end to their beginning: each function gives the node that matches what it
// says and then goes on at `next`. One builder per program; not thread-safe.
class ProgramBuilder {
 public:
  static constexpr NodeId kEnd = 0, kNever = 1;

  ProgramBuilder();

  NodeId range(uint8_t low, uint8_t high, NodeId next);
  NodeId literal(std::string_view bytes, NodeId next);
  NodeId either(NodeId a, NodeId b);
  NodeId call(RuleId rule, NodeId next);
  // A place that is defined later, for loops.
  NodeId forward() { return add({Node::Kind::kSplit, 0, 0, kNever, kNever}); }
  void define_forward(NodeId place, NodeId begin);
  // Any number of times. `body(next)` gives the node of one time.
  using Body = std::function<NodeId(NodeId next)>;
  NodeId star(const Body& body, NodeId next);
  // From `least` to `most` times; npos: without an end.
  static constexpr size_t kUnbounded = SIZE_MAX;
  NodeId repeat(size_t least, size_t most, const Body& body, NodeId next);

  RuleId add_rule();  // defined later
  RuleId add_rule(NodeId begin);
  void define(RuleId rule, NodeId begin) { program_.rules[rule] = begin; }

  // Throws Error kInvalidArgument where nothing matches `root`: `what` says of what.
  Program finish(RuleId root, const Alphabet& alphabet, std::string_view what);

 private:
  NodeId add(Node node);

  Program program_;
};

}  // namespace heng::grammar
