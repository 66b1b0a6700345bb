// What may follow in a form, byte by byte: a deterministic automaton over sets of places in a
// Program, made as far as it is walked. Grows with use; not thread-safe.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "grammar/program.h"

namespace heng::grammar {

class Automaton {
 public:
  using State = int32_t;
  static constexpr State kDead = -1;

  explicit Automaton(Program program);

  State start() const { return 0; }
  // kDead where the byte cannot follow. From every other state the end of the form can be reached.
  // Throws Error kUnsupported where the form has too many readings.
  State next(State state, uint8_t byte) {
    const State known = states_[state]->next[byte];
    return known == kUnknown ? find_next(state, byte) : known;
  }
  // Whether the form is complete there.
  bool is_complete(State state) const { return states_[state]->complete; }

  size_t size() const { return states_.size(); }
  // Back to the start: other states' numbers lose their meaning.
  void forget();

 private:
  static constexpr State kUnknown = -2;
  using StackId = uint32_t;

  struct Frame {  // a call under way
    StackId below;
    NodeId back;  // where it returns to
    uint32_t depth;
  };
  struct Place {
    NodeId node;
    StackId stack;
    bool operator==(const Place&) const = default;
    bool operator<(const Place& other) const {
      return node != other.node ? node < other.node : stack < other.stack;
    }
  };
  struct PlacesHash {
    size_t operator()(const std::vector<Place>& places) const;
  };
  struct Found {
    std::vector<Place> places;  // in order; nodes of ranges only
    bool complete = false;
    std::array<State, 256> next;
  };

  State find_next(State state, uint8_t byte);
  void follow(Place from);
  StackId push(StackId below, NodeId back);
  State keep();

  Program program_;
  std::vector<Frame> frames_;  // the first is the bottom
  std::unordered_map<uint64_t, StackId> frame_ids_;
  std::vector<std::unique_ptr<Found>> states_;
  std::unordered_map<std::vector<Place>, State, PlacesHash> complete_ids_, open_ids_;
  // While a state is made:
  std::vector<Place> places_, pending_;
  std::unordered_map<uint64_t, bool> seen_;
  bool complete_ = false;
};

}  // namespace heng::grammar
