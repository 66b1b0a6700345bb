#include "engine/scheduler.h"

#include <algorithm>

namespace heng::engine {
namespace {

using ops::kKvBlockTokens;

void insert_by_id(auto& sequences, std::unique_ptr<Sequence> sequence) {
  const auto later = [&](const auto& other) { return other->id() > sequence->id(); };
  const auto at = std::find_if(sequences.begin(), sequences.end(), later);
  sequences.insert(at, std::move(sequence));
}

// The whole block that the sequence comes to next, if it may come from the cache; else empty.
std::span<const KvEntry> next_block(const Sequence& s) {
  const bool at_its_start = s.kv.shared.size() * kKvBlockTokens == s.computed;
  if (!at_its_start || s.computed + kKvBlockTokens > s.reusable()) return {};
  return s.entries().subspan(s.computed, kKvBlockTokens);
}

}  // namespace

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  insert_by_id(queue_, std::move(sequence));
}

Sequence* Scheduler::find(RequestId id) {
  for (const auto& s : running_) {
    if (s->id() == id) return s.get();
  }
  for (const auto& s : queue_) {
    if (s->id() == id) return s.get();
  }
  return nullptr;
}

std::span<const Slice> Scheduler::next() {
  make_room();
  begin_waiting();
  choose();
  return batch_;
}

// Each running sequence gets room for the tokens it has, oldest first.
void Scheduler::make_room() {
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& s = *running_[i];
    while (!memory_.grow(s.kv, s.wanted())) {
      const bool was_itself = i + 1 == running_.size();
      preempt_youngest();
      if (was_itself) return;
    }
  }
}

void Scheduler::give_up_memory(Sequence& s) {
  if (s.finite) {
    memory_.end(s.kv, s.entries().first(s.computed));
  } else {
    memory_.discard(s.kv);
  }
  s.computed = 0;
}

void Scheduler::preempt_youngest() {
  std::unique_ptr<Sequence> s = std::move(running_.back());
  running_.pop_back();
  give_up_memory(*s);
  ++preemptions_;
  insert_by_id(queue_, std::move(s));
}

void Scheduler::begin_waiting() {
  while (!queue_.empty() && running_.size() < limits_.max_batch) {
    Sequence& s = *queue_.front();
    // A block is left for each of those that run: they go on growing.
    const auto reused =
        memory_.begin(s.kv, s.entries().first(s.reusable()), s.wanted(), running_.size());
    if (!reused) return;
    s.advance_to(*reused, Sequence::How::kFound);
    insert_by_id(running_, std::move(queue_.front()));
    queue_.pop_front();
  }
}

void Scheduler::choose() {
  batch_.clear();
  std::vector<Sequence*> prompts;
  for (const auto& s : running_) {
    if (s->pending() > 1) adopt_cached(*s);
    if (s->pending() == 1) {
      const size_t guessed = guess(*s, running_.size());
      batch_.push_back({s.get(), 1 + guessed, guessed});
    } else {
      prompts.push_back(s.get());
    }
  }
  // Turn by turn: first those that come after the one that was last.
  const auto behind = [&](const Sequence* s) { return s->id() > last_prompt_; };
  std::stable_partition(prompts.begin(), prompts.end(), behind);
  size_t budget = limits_.prompt_chunk;
  for (Sequence* s : prompts) {
    if (budget == 0) break;
    if (waits_for_another(*s)) continue;
    const size_t n = chunk_of(*s, budget);
    batch_.push_back({s, n});
    budget -= n;
    last_prompt_ = s->id();
  }
}

// How many guesses at its next tokens go along. Many replies keep the processor busy by themselves.
size_t Scheduler::guess(Sequence& s, size_t n_replies) {
  constexpr size_t kMostTokens = 16;
  const size_t n = s.guess(kMostTokens / n_replies).size();
  return n > 0 && memory_.grow(s.kv, s.wanted() + n) ? n : 0;
}

// Blocks that others have computed since the sequence began.
void Scheduler::adopt_cached(Sequence& s) {
  while (true) {
    const auto entries = next_block(s);
    if (entries.empty() || !memory_.adopt(s.kv, entries)) return;
    s.advance_to(s.computed + kKvBlockTokens, Sequence::How::kFound);
  }
}

// Its next block is being computed in this batch already: it can have it from the cache afterwards.
bool Scheduler::waits_for_another(const Sequence& s) const {
  const auto entries = next_block(s);
  if (entries.empty()) return false;
  return std::any_of(batch_.begin(), batch_.end(), [&](const Slice& slice) {
    const Sequence& other = *slice.sequence;
    return slice.n >= kKvBlockTokens && other.computed == s.computed && other.finite &&
           other.kv.group == s.kv.group && other.kv.last_shared() == s.kv.last_shared() &&
           std::ranges::equal(other.entries().subspan(other.computed, kKvBlockTokens), entries);
  });
}

// How many tokens of `sequence` go next: of one rope base, and up to the end of a block where they
// are not the last, so that blocks become whole and can be shared.
size_t Scheduler::chunk_of(const Sequence& s, size_t budget) {
  size_t n = std::min(budget, s.pending());
  if (n < s.pending()) {
    const size_t end = (s.computed + n) / kKvBlockTokens * kKvBlockTokens;
    if (end > s.computed) n = end - s.computed;
  }
  const auto entries = s.entries().subspan(s.computed, n);
  const auto other = std::find_if(entries.begin(), entries.end(), [&](const KvEntry& e) {
    return e.rope_base != entries.front().rope_base;
  });
  return static_cast<size_t>(other - entries.begin());
}

std::vector<std::unique_ptr<Sequence>> Scheduler::take_ended() {
  std::vector<std::unique_ptr<Sequence>> ended;
  const auto take_from = [&](auto& sequences) {
    for (auto& s : sequences) {
      if (s->ended()) ended.push_back(std::move(s));
    }
    std::erase(sequences, nullptr);
  };
  take_from(running_);
  take_from(queue_);
  for (const auto& s : ended) give_up_memory(*s);
  batch_.clear();
  return ended;
}

}  // namespace heng::engine
