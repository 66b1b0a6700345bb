#include "grammar/program.h"

#include <algorithm>

#include "base/message.h"
#include "heng/error.h"

namespace heng::grammar {
namespace {

constexpr size_t kMostNodes = 1u << 19;
constexpr uint32_t kNoWay = kMostDepth + 1;

bool can_match(const Node& range, const Alphabet& alphabet) {
  for (unsigned byte = range.low; byte <= range.high; ++byte) {
    if (alphabet[byte]) return true;
  }
  return false;
}

// One pass over all nodes; whether any became less.
bool lower_needs(Program& program) {
  std::vector<uint32_t>& need = program.need;
  bool changed = false;
  for (size_t i = 0; i < need.size(); ++i) {
    const Node& node = program.nodes[i];
    uint32_t least = need[i];
    switch (node.kind) {
      case Node::Kind::kEnd:
        least = 0;
        break;
      case Node::Kind::kRange:
        if (can_match(node, program.alphabet)) least = need[node.next];
        break;
      case Node::Kind::kSplit:
        least = std::min(need[node.next], need[node.other]);
        break;
      case Node::Kind::kCall:
        least = std::max(need[program.rules[node.other]] + 1, need[node.next]);
        break;
    }
    if (least >= need[i]) continue;
    need[i] = least;
    changed = true;
  }
  return changed;
}

}  // namespace

ProgramBuilder::ProgramBuilder() {
  add({Node::Kind::kEnd});
  add({Node::Kind::kRange, 1, 0});  // kNever
}

NodeId ProgramBuilder::add(Node node) {
  if (program_.nodes.size() == kMostNodes) {
    throw Error(ErrorCode::kInvalidArgument,
                "schema: too large: over " + with_commas(kMostNodes) +
                    " steps. Ask for shorter lists, strings and patterns.");
  }
  program_.nodes.push_back(node);
  return static_cast<NodeId>(program_.nodes.size() - 1);
}

NodeId ProgramBuilder::range(uint8_t low, uint8_t high, NodeId next) {
  if (next == kNever) return kNever;
  return add({Node::Kind::kRange, low, high, next});
}

NodeId ProgramBuilder::literal(std::string_view bytes, NodeId next) {
  for (size_t i = bytes.size(); i-- > 0;) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    next = range(byte, byte, next);
  }
  return next;
}

NodeId ProgramBuilder::either(NodeId a, NodeId b) {
  if (a == kNever || a == b) return b;
  if (b == kNever) return a;
  return add({Node::Kind::kSplit, 0, 0, a, b});
}

NodeId ProgramBuilder::call(RuleId rule, NodeId next) {
  if (next == kNever) return kNever;
  return add({Node::Kind::kCall, 0, 0, next, rule});
}

void ProgramBuilder::define_forward(NodeId place, NodeId begin) {
  program_.nodes[place].next = program_.nodes[place].other = begin;
}

NodeId ProgramBuilder::star(const Body& body, NodeId next) {
  const NodeId loop = add({Node::Kind::kSplit, 0, 0, next, next});
  program_.nodes[loop].other = body(loop);
  return loop;
}

NodeId ProgramBuilder::repeat(size_t least, size_t most, const Body& body, NodeId next) {
  if (most == kUnbounded) {
    next = star(body, next);
  } else {
    const NodeId end = next;
    for (size_t i = least; i < most; ++i) next = either(body(next), end);
  }
  for (size_t i = 0; i < least; ++i) next = body(next);
  return next;
}

RuleId ProgramBuilder::add_rule() {
  return add_rule(kNever);
}

RuleId ProgramBuilder::add_rule(NodeId begin) {
  program_.rules.push_back(begin);
  return static_cast<RuleId>(program_.rules.size() - 1);
}

Program ProgramBuilder::finish(RuleId root, const Alphabet& alphabet, std::string_view what) {
  program_.root = root;
  program_.alphabet = alphabet;
  program_.need.assign(program_.nodes.size(), kNoWay);
  while (lower_needs(program_)) {
  }
  if (program_.need[program_.rules[root]] > kMostDepth) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(what) + ": no value meets it, or none that nests less than " +
                    std::to_string(kMostDepth) + " deep.");
  }
  return std::move(program_);
}

}  // namespace heng::grammar
