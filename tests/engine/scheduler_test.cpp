// Which tokens go next: order, turns, memory. No model runs; what each slice would compute is taken
// as computed, and replies go on with made-up tokens.
#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

namespace heng::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() {
    model_.spec.vocabulary = 10000;
    model_.spec.rope.dims = 16;
    model_.spec.trained_context = 4096;
    model_.model_info.context = 4096;
  }

  void set_up(size_t n_blocks, Scheduler::Limits limits) {
    memory_.emplace(ops::KvLayout{ops::KvType::kF32, 1, 1, 16}, n_blocks);
    scheduler_.emplace(*memory_, limits);
  }

  RequestId add(std::vector<TokenId> prompt, int64_t reply = 1000) {
    Request request;
    request.prompt = std::move(prompt);
    request.generation.max_new_tokens = reply;
    scheduler_->add(std::make_unique<Sequence>(++last_id_, std::move(request), model_));
    return last_id_;
  }

  // Ids of the next batch with their numbers of tokens; computes them.
  std::vector<std::pair<RequestId, size_t>> step() {
    std::vector<std::pair<RequestId, size_t>> batch;
    const auto slices = scheduler_->next();
    for (const auto& [s, n, guessed] : slices) {
      EXPECT_EQ(guessed, 0u);  // no request wants guesses
      batch.emplace_back(s->id(), n);
      s->advance_to(s->computed + n, Sequence::How::kComputed);
      EXPECT_LE(s->computed, s->kv.capacity());
    }
    for (const Slice& slice : slices) {
      Sequence* s = slice.sequence;
      memory_->share(s->kv, s->entries().first(s->computed));
      if (s->pending() == 0) s->take(static_cast<TokenId>(s->id()), std::nullopt);
    }
    for (const auto& s : scheduler_->take_ended()) ended_[s->id()] = s->complete();
    return batch;
  }

  void step_until_preemption() {
    for (int i = 0; i < 500 && scheduler_->preemptions() == 0; ++i) step();
    ASSERT_EQ(scheduler_->preemptions(), 1u);
  }

  static std::vector<TokenId> prompt(size_t n, TokenId first) {
    std::vector<TokenId> ids(n);
    std::iota(ids.begin(), ids.end(), first);
    return ids;
  }

  LoadedModel model_;
  std::optional<KvMemory> memory_;
  std::optional<Scheduler> scheduler_;
  RequestId last_id_ = 0;
  std::map<RequestId, Completion> ended_;
};

TEST_F(SchedulerTest, RepliesGoOnBesideChunksOfAPrompt) {
  set_up(64, {8, 128});
  add({1, 2, 3});
  EXPECT_THAT(step(), ElementsAre(Pair(1, 3)));
  add(prompt(300, 100));
  EXPECT_THAT(step(), ElementsAre(Pair(1, 1), Pair(2, 128)));
  EXPECT_THAT(step(), ElementsAre(Pair(1, 1), Pair(2, 128)));
  EXPECT_THAT(step(), ElementsAre(Pair(1, 1), Pair(2, 44)));
  EXPECT_THAT(step(), ElementsAre(Pair(1, 1), Pair(2, 1)));
}

TEST_F(SchedulerTest, PromptsTakeTurns) {
  set_up(64, {8, 128});
  add(prompt(300, 0));
  add(prompt(300, 1000));
  add(prompt(20, 2000));
  EXPECT_THAT(step(), ElementsAre(Pair(1, 128)));
  EXPECT_THAT(step(), ElementsAre(Pair(2, 128)));
  // What the short one leaves goes to the others, in whole blocks where there are any.
  EXPECT_THAT(step(), ElementsAre(Pair(3, 20), Pair(1, 64), Pair(2, 44)));
  EXPECT_THAT(step(), ElementsAre(Pair(3, 1), Pair(1, 108), Pair(2, 20)));
}

TEST_F(SchedulerTest, ABeginningThatAnotherComputesIsWaitedForAndShared) {
  set_up(64, {8, 512});
  auto a = prompt(200, 0), b = prompt(200, 0);
  a.push_back(7000);
  b.insert(b.end(), {8000, 8001});
  add(a);
  add(b);
  EXPECT_THAT(step(), ElementsAre(Pair(1, 201)));
  EXPECT_THAT(step(), ElementsAre(Pair(1, 1), Pair(2, 202 - 192)));
}

TEST_F(SchedulerTest, MoreThanMaxBatchWaitInTheirOrder) {
  set_up(64, {2, 512});
  for (int i = 0; i < 4; ++i) add(prompt(10, 100 * i), 2);
  EXPECT_THAT(step(), ElementsAre(Pair(1, 10), Pair(2, 10)));
  EXPECT_EQ(scheduler_->n_queued(), 2u);
  EXPECT_THAT(step(), ElementsAre(Pair(1, 1), Pair(2, 1)));
  EXPECT_THAT(step(), ElementsAre(Pair(3, 10), Pair(4, 10)));
  EXPECT_EQ(ended_.size(), 2u);
}

TEST_F(SchedulerTest, WhatHasNoRoomWaitsThoughALaterOneWouldFit) {
  set_up(8, {8, 512});
  add(prompt(200, 0));
  add(prompt(250, 1000));
  add(prompt(10, 3000));
  EXPECT_THAT(step(), ElementsAre(Pair(1, 200)));
  EXPECT_EQ(scheduler_->n_queued(), 2u);
}

TEST_F(SchedulerTest, TheYoungestGivesItsMemoryToOlderOnesAndComesBack) {
  set_up(4, {8, 512});
  add(prompt(60, 0), 100);
  add(prompt(120, 1000), 60);
  EXPECT_THAT(step(), ElementsAre(Pair(1, 60), Pair(2, 120)));
  step_until_preemption();
  EXPECT_EQ(scheduler_->n_running(), 1u);
  EXPECT_THAT(step(), ElementsAre(Pair(1, 1)));
  for (int i = 0; i < 200; ++i) step();
  EXPECT_THAT(step(), IsEmpty());
  EXPECT_EQ(ended_.at(1).ids.size(), 100u);
  EXPECT_EQ(ended_.at(2).ids.size(), 60u);
  EXPECT_EQ(memory_->cache().available(), 4u);
}

TEST_F(SchedulerTest, EndedSequencesLeaveWhetherTheyRunOrWait) {
  set_up(8, {1, 512});
  add(prompt(60, 0));
  add(prompt(60, 1000));
  step();
  for (const RequestId id : {1, 2}) scheduler_->find(id)->end(FinishReason::kCancelled);
  EXPECT_EQ(scheduler_->take_ended().size(), 2u);
  EXPECT_EQ(scheduler_->find(1), nullptr);
  EXPECT_EQ(memory_->cache().available(), 8u);
  EXPECT_THAT(step(), IsEmpty());
}

// Past the trained length each token of a reply turned by a base of its own (dynamic NTK); computed
// again, each still does.
TEST_F(SchedulerTest, AChunkHasOneRopeBase) {
  model_.spec.rope.scaling = models::RopeScaling::kDynamic;
  model_.spec.rope.factor = 2;
  model_.spec.trained_context = 64;
  set_up(4, {8, 512});
  add(prompt(60, 0), 100);
  add(prompt(62, 1000), 100);
  step_until_preemption();
  const size_t had = scheduler_->find(2)->ids().size();
  ASSERT_GT(had, 66u);
  std::vector<size_t> chunks;
  for (int i = 0; i < 500 && ended_.size() < 2; ++i) {
    for (const auto& [id, n] : step()) {
      if (id == 2) chunks.push_back(n);
    }
    for (const RequestId id : {1, 2}) {
      const Sequence* s = scheduler_->find(id);
      if (!s || s->ids().size() < 70) continue;
      EXPECT_NE(s->entries()[68].rope_base, s->entries()[69].rope_base);
    }
  }
  EXPECT_EQ(ended_.size(), 2u);
  // Together only what has the trained base: up to position 63.
  for (size_t i = 1; i < chunks.size(); ++i) EXPECT_EQ(chunks[i], 1u);
  EXPECT_LE(chunks.at(0), 64u);
}

}  // namespace
}  // namespace heng::engine
