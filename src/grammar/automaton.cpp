#include "grammar/automaton.h"

#include <algorithm>
#include <string>
#include <utility>

#include "heng/error.h"

namespace heng::grammar {
namespace {

constexpr size_t kMostPlaces = 20'000;

uint64_t pair_of(uint32_t a, uint32_t b) {
  return (uint64_t{a} << 32) | b;
}

}  // namespace

size_t Automaton::PlacesHash::operator()(const std::vector<Place>& places) const {
  uint64_t hash = 0x9e3779b97f4a7c15u;
  for (const Place& place : places) {
    hash = (hash ^ pair_of(place.node, place.stack)) * 0xbf58476d1ce4e5b9u;
    hash ^= hash >> 29;
  }
  return hash;
}

Automaton::Automaton(Program program) : program_(std::move(program)) {
  forget();
}

void Automaton::forget() {
  frames_.assign(1, {0, ProgramBuilder::kEnd, 0});
  frame_ids_.clear();
  states_.clear();
  complete_ids_.clear();
  open_ids_.clear();
  follow({program_.rules[program_.root], 0});
  keep();
}

Automaton::State Automaton::find_next(State state, uint8_t byte) {
  if (program_.alphabet[byte]) {
    for (const Place& place : states_[state]->places) {
      const Node& node = program_.nodes[place.node];
      if (node.low <= byte && byte <= node.high) follow({node.next, place.stack});
    }
  }
  const State found = keep();
  states_[state]->next[byte] = found;
  return found;
}

// Adds to places_ what is reached from there without a byte.
void Automaton::follow(Place from) {
  pending_.assign(1, from);
  while (!pending_.empty()) {
    const auto [id, stack] = pending_.back();
    pending_.pop_back();
    // No way leads on that keeps to the depth.
    if (frames_[stack].depth + program_.need[id] > kMostDepth) continue;
    if (!seen_.emplace(pair_of(id, stack), true).second) continue;
    if (seen_.size() > kMostPlaces) {
      seen_.clear();
      places_.clear();
      throw Error(ErrorCode::kUnsupported,
                  "schema: a reply could be read in over " + std::to_string(kMostPlaces) +
                      " ways at once. Make its alternatives easier to tell apart.");
    }
    const Node& node = program_.nodes[id];
    switch (node.kind) {
      case Node::Kind::kRange:
        places_.push_back({id, stack});
        break;
      case Node::Kind::kSplit:
        pending_.push_back({node.next, stack});
        pending_.push_back({node.other, stack});
        break;
      case Node::Kind::kCall: {
        const bool last = node.next == ProgramBuilder::kEnd;  // returns where its caller does
        pending_.push_back({program_.rules[node.other], last ? stack : push(stack, node.next)});
        break;
      }
      case Node::Kind::kEnd:
        if (stack == 0) {
          complete_ = true;
        } else {
          pending_.push_back({frames_[stack].back, frames_[stack].below});
        }
        break;
    }
  }
}

Automaton::StackId Automaton::push(StackId below, NodeId back) {
  const auto [it, is_new] =
      frame_ids_.emplace(pair_of(below, back), static_cast<StackId>(frames_.size()));
  if (is_new) frames_.push_back({below, back, frames_[below].depth + 1});
  return it->second;
}

// The state of what was followed.
Automaton::State Automaton::keep() {
  seen_.clear();
  std::vector<Place> places = std::exchange(places_, {});
  const bool complete = std::exchange(complete_, false);
  if (places.empty() && !complete) return kDead;
  std::sort(places.begin(), places.end());
  auto& ids = complete ? complete_ids_ : open_ids_;
  const auto [it, is_new] = ids.emplace(std::move(places), static_cast<State>(states_.size()));
  if (is_new) {
    auto state = std::make_unique<Found>();
    state->places = it->first;
    state->complete = complete;
    state->next.fill(kUnknown);
    states_.push_back(std::move(state));
  }
  return it->second;
}

}  // namespace heng::grammar
