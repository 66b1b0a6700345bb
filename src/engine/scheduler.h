// Which sequences go through the model next, with how many tokens each. Sequences that need their
// next token alone (replies under way) go in every batch; longer beginnings share a budget of
// tokens, turn by turn, so that replies keep flowing. Sequences begin in the order they came in,
// when the KV memory has room for what they need at once; where it runs out later, the youngest
// gives its blocks back and waits again, ahead of those that came after it. It then computes again
// what the cache lost meanwhile, to the same bits.
//
// Owns the sequences; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "engine/kv_memory.h"
#include "engine/sequence.h"

namespace heng::engine {

// The next `n` tokens of a sequence; the last `guessed` of them are guesses.
struct Slice {
  Sequence* sequence;
  size_t n;
  size_t guessed = 0;
};

class Scheduler {
 public:
  struct Limits {
    size_t max_batch;     // sequences that run together
    size_t prompt_chunk;  // tokens of a batch beside one for each reply
  };

  // Borrows `memory`.
  Scheduler(KvMemory& memory, const Limits& limits) : memory_(memory), limits_(limits) {}

  // REQUIRES: the KV memory could hold all that the sequence may become.
  void add(std::unique_ptr<Sequence> sequence);
  Sequence* find(RequestId id);
  // The next batch; replies come first in it. Empty only where there are no sequences. Valid until
  // the next call. REQUIRES: no sequence has ended.
  std::span<const Slice> next();
  // Takes out those that have ended; their memory is given up.
  std::vector<std::unique_ptr<Sequence>> take_ended();

  size_t n_queued() const { return queue_.size(); }
  size_t n_running() const { return running_.size(); }
  uint64_t preemptions() const { return preemptions_; }
  template <typename Body>
  void for_all(const Body& body) {
    for (const auto& sequence : running_) body(*sequence);
    for (const auto& sequence : queue_) body(*sequence);
  }

 private:
  void make_room();
  void give_up_memory(Sequence& sequence);
  void preempt_youngest();
  void begin_waiting();
  void choose();
  size_t guess(Sequence& sequence, size_t n_replies);
  void adopt_cached(Sequence& sequence);
  bool waits_for_another(const Sequence& sequence) const;
  static size_t chunk_of(const Sequence& sequence, size_t budget);

  KvMemory& memory_;
  const Limits limits_;
  std::vector<std::unique_ptr<Sequence>> running_;  // by id
  std::deque<std::unique_ptr<Sequence>> queue_;     // by id
  std::vector<Slice> batch_;
  RequestId last_prompt_ = 0;  // whose turn the last chunk was
  uint64_t preemptions_ = 0;
};

}  // namespace heng::engine
