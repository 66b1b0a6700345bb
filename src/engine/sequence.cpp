#include "engine/sequence.h"

#include <algorithm>
#include <utility>

#include "engine/prompt_lookup.h"
#include "engine/request_check.h"
#include "engine/softmax.h"
#include "models/rope.h"

namespace heng::engine {
namespace {

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Sequence::Sequence(RequestId id, Request request, const LoadedModel& model)
    : id_(id),
      request_(std::move(request)),
      spec_(model.spec),
      first_scored_(first_scored(request_)),
      prefill_(request_.prompt.size() - (request_.task == Task::kScore ? 1 : 0)),
      prefill_base_(models::prefill_rope_base(spec_, prefill_)),
      ids_(request_.prompt),
      submitted_(Clock::now()) {
  for (size_t i = 0; i < ids_.size(); ++i) entries_.push_back(entry_of(ids_[i], i));
  kv.group = request_.cache_group;
  done_.id = id;
  done_.prompt_tokens = ids_.size();
  if (request_.task != Task::kReply) return;
  const GenerationConfig& config = request_.generation;
  limit_ = reply_limit(config, ids_.size());
  least_ = least_reply(config, ids_.size());
  done_.seed = config.seed ? *config.seed : fresh_seed();
  reply_.emplace(config, tokenizer_for(config, model), request_.on_token);
}

// The base that the token turns by when it goes through the layers for the first time, so that
// computing it again gives the same.
KvEntry Sequence::entry_of(TokenId id, size_t pos) const {
  return {id, models::forward_rope_base(spec_, prefill_base_, std::max(pos + 1, prefill_))};
}

size_t Sequence::reusable() const {
  if (request_.task == Task::kEmbed) return n_pooled_;
  const size_t all = request_.task == Task::kReply ? wanted() - 1 : wanted();
  const size_t scored = next_scored();
  return scored < request_.prompt.size() ? std::min(all, scored - 1) : all;
}

void Sequence::advance_to(size_t n, How how) {
  if (!began_) began_ = Clock::now();
  computed = n;
  if (n <= farthest_) return;
  if (how == How::kFound) done_.reused_tokens += n - farthest_;
  farthest_ = n;
}

void Sequence::report_prompt() {
  const size_t done = std::min(farthest_, prefill_);
  if (done <= reported_) return;
  reported_ = done;
  if (request_.on_prompt && !request_.on_prompt(done, prefill_)) end(FinishReason::kCancelled);
}

std::span<const TokenId> Sequence::guess(size_t most) {
  const auto wanted = static_cast<size_t>(request_.generation.speculate);
  if (request_.task != Task::kReply || wanted == 0 || drawn().empty() || pending() != 1) return {};
  // The step draws one token more than it guesses.
  const size_t left = limit_ - drawn().size() - 1;
  const auto found = look_up(ids_, std::min({most, wanted, guess_length_, left}));
  last_and_guess_.assign(1, ids_.back());
  for (const TokenId id : found) {
    const KvEntry entry = entry_of(id, ids_.size() + last_and_guess_.size() - 1);
    if (entry.rope_base != entries_.back().rope_base) break;
    last_and_guess_.push_back(id);
  }
  return std::span(last_and_guess_).subspan(1);
}

std::span<const TokenId> Sequence::next_ids(size_t n) const {
  if (n <= pending()) return ids().subspan(computed, n);
  return std::span(last_and_guess_).first(n);
}

void Sequence::learn(size_t guessed, size_t kept) {
  constexpr size_t kLongest = 16;
  if (kept == guessed) guess_length_ = std::min(2 * guess_length_, kLongest);
  if (kept == 0) guess_length_ = std::max<size_t>(guess_length_ / 2, 1);
}

void Sequence::score(Logprobs logprobs) {
  done_.prompt_logprobs.push_back(std::move(logprobs));
  const bool all = next_scored() == request_.prompt.size();
  if (all && request_.task == Task::kScore) end(FinishReason::kStop);
}

TokenId Sequence::draw(std::span<float> logits, std::optional<Logprobs>& logprobs) {
  if (!first_scores_) first_scores_ = Clock::now();
  const GenerationConfig& config = request_.generation;
  if (!sampler_) sampler_.emplace(config, logits.size(), request_.prompt, done_.seed);
  std::span<float> scores = logits;
  if (request_.n_logprobs) {
    scratch_.assign(logits.begin(), logits.end());
    scores = scratch_;
  }
  std::span<const TokenId> forbidden;
  if (drawn().size() < least_) forbidden = config.eos_ids;
  Sampler::Adjust adjust;
  if (request_.on_logits) {
    adjust = [this](std::span<float> x) { request_.on_logits(x, drawn()); };
  }
  const TokenId id = sampler_->next(scores, forbidden, adjust);
  if (request_.n_logprobs) logprobs = log_softmax(logits, id, *request_.n_logprobs);
  return id;
}

void Sequence::take(TokenId id, std::optional<Logprobs> logprobs) {
  entries_.push_back(entry_of(id, ids_.size()));
  ids_.push_back(id);
  switch (reply_->add(id, std::move(logprobs))) {
    case Reply::State::kStopped:
      return end(FinishReason::kStop);
    case Reply::State::kCancelled:
      return end(FinishReason::kCancelled);
    case Reply::State::kGoing:
      break;
  }
  if (drawn().size() < limit_) return;
  const bool cancelled = reply_->finish() == Reply::State::kCancelled;
  end(cancelled ? FinishReason::kCancelled : FinishReason::kLength);
}

void Sequence::pool(size_t start, std::span<const float> hidden) {
  pooled_.resize(spec_.hidden);
  // What was computed for a second time counts once.
  const auto fresh = hidden.subspan(std::min((n_pooled_ - start) * spec_.hidden, hidden.size()));
  for (size_t i = 0; i < fresh.size(); ++i) pooled_[i % spec_.hidden] += fresh[i];
  n_pooled_ += fresh.size() / spec_.hidden;
  if (n_pooled_ < ids_.size()) return;
  for (const double sum : pooled_) {
    done_.embedding.push_back(static_cast<float>(sum / static_cast<double>(n_pooled_)));
  }
  end(FinishReason::kStop);
}

void Sequence::end(FinishReason reason) {
  if (ended_) return;
  ended_ = true;
  done_.finish = reason;
}

void Sequence::fail(const Error& error) {
  if (ended_) return;
  done_.error = error;
  end(FinishReason::kError);
}

Completion Sequence::complete() {
  const auto now = Clock::now();
  const auto began = began_.value_or(now), first = first_scores_.value_or(now);
  done_.queue_seconds = seconds(began - submitted_);
  done_.prompt_seconds = seconds(first - began);
  done_.generation_seconds = seconds(now - first);
  if (reply_) {
    done_.ids = reply_->ids();
    done_.text = reply_->text();
    done_.logprobs = reply_->logprobs();
  }
  return std::move(done_);
}

}  // namespace heng::engine
