#include "engine/runner.h"

#include <algorithm>
#include <numeric>

#include "engine/softmax.h"
#include "models/rope.h"

namespace heng::engine {
namespace {

// Calls `body`; what it throws fails the sequence.
template <typename Body>
void guarded(Sequence& sequence, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    sequence.fail(error);
  } catch (const std::exception& error) {
    sequence.fail(Error(ErrorCode::kInternal,
                        std::string("a callback of the request threw: ") + error.what()));
  }
}

}  // namespace

Runner::Runner(const LoadedModel& model, KvMemory& memory, size_t n_rows)
    : model_(model),
      memory_(memory),
      n_rows_(n_rows),
      backend_(make_backend(model.backend, model.model_info.threads, model.activations)) {}

void Runner::run(std::span<const Slice> batch) {
  forward(batch);
  rows_.clear();
  size_t first = 0;
  for (const Slice& slice : batch) {
    if (slice.guessed == 0) add_rows(slice, first);
    advance(*slice.sequence, slice.n - slice.guessed, first);
    first += slice.n;
  }
  for (size_t i = 0; i < rows_.size(); i += n_rows_) {
    evaluate(std::span(rows_).subspan(i, std::min(n_rows_, rows_.size() - i)));
  }
  first = 0;
  for (const Slice& slice : batch) {
    if (slice.guessed > 0) follow_guesses(slice, first);
    first += slice.n;
  }
  // Only now is it known that their scores are finite.
  for (const Slice& slice : batch) {
    const Sequence& s = *slice.sequence;
    if (s.finite) memory_.share(slice.sequence->kv, s.entries().first(s.computed));
  }
}

void Runner::forward(std::span<const Slice> batch) {
  inputs_.clear();
  for (const Slice& slice : batch) {
    const Sequence& s = *slice.sequence;
    inputs_.push_back(
        {s.next_ids(slice.n), s.computed, s.kv.data.data(), s.entries()[s.computed].rope_base});
  }
  models::decoder_forward(*backend_, model_.spec, model_.weights, memory_.pool().layout(), inputs_,
                          work_);
}

// Which of the slice's positions want scores; its hidden states are rows from `first` on.
void Runner::add_rows(const Slice& slice, size_t first) {
  Sequence& s = *slice.sequence;
  const Request& request = s.request();
  const size_t start = s.computed, end = start + slice.n;
  const size_t scored_end = std::min(end + 1, request.prompt.size());
  for (size_t token = std::max(s.next_scored(), start + 1); token < scored_end; ++token) {
    rows_.push_back({&s, first + token - 1 - start, token, 0, {}, {}});
  }
  if (request.task == Task::kReply && end == s.wanted()) {
    rows_.push_back({&s, first + slice.n - 1, Row::kDraw, 0, {}, {}});
  }
  const bool goes_on = slice.n == 1 && !s.drawn().empty();
  if (!goes_on) prompt_tokens_ += slice.n;
}

// Its next `n` tokens have gone through the layers; their hidden states are rows from `first` on.
void Runner::advance(Sequence& s, size_t n, size_t first) {
  const size_t hidden = model_.spec.hidden;
  if (s.finite && !all_finite({work_.hidden.data() + first * hidden, n * hidden})) {
    s.finite = false;
    s.bad_layer = first_bad_layer(s, n);
  }
  s.advance_to(s.computed + n, Sequence::How::kComputed);
  if (s.request().task == Task::kEmbed) pool(s, n, first);
  guarded(s, [&] { s.report_prompt(); });
}

// Puts the same tokens through the layers again, and looks at each layer's output.
std::string Runner::first_bad_layer(const Sequence& s, size_t n) {
  const models::SequenceInput input{s.next_ids(n), s.computed, s.kv.data.data(),
                                    s.entries()[s.computed].rope_base};
  models::Workspace work;
  std::string found;
  const auto look = [&](size_t layer) {
    if (!found.empty() || all_finite({work.hidden.data(), n * model_.spec.hidden})) return;
    found = "layer " + std::to_string(layer + 1) + " of " + std::to_string(model_.spec.n_layers);
  };
  models::decoder_forward(*backend_, model_.spec, model_.weights, memory_.pool().layout(),
                          {&input, 1}, work, look);
  return found;
}

// Draws at one position after the other, as long as what comes out is what was guessed.
void Runner::follow_guesses(const Slice& slice, size_t first) {
  Sequence& s = *slice.sequence;
  if (s.ended()) return;
  const auto ids = s.next_ids(slice.n);
  const std::vector<TokenId> guesses(ids.begin() + 1, ids.end());
  hidden_rows_.resize(slice.n);
  std::iota(hidden_rows_.begin(), hidden_rows_.end(), first);
  compute_logits(hidden_rows_);
  const size_t vocabulary = model_.spec.vocabulary;
  size_t kept = 0;
  while (true) {
    Row row{&s, first + kept, Row::kDraw, 0, {}, {}};
    evaluate(row, std::span(logits_).subspan(kept * vocabulary, vocabulary));
    deliver(row);
    if (s.ended() || kept == guesses.size() || row.drawn != guesses[kept]) break;
    ++kept;
    advance(s, 1, first + kept);
  }
  s.learn(guesses.size(), kept);
  guessed_tokens_ += guesses.size();
  kept_guesses_ += kept;
}

void Runner::pool(Sequence& s, size_t n, size_t first) {
  hidden_rows_.resize(n);
  std::iota(hidden_rows_.begin(), hidden_rows_.end(), first);
  models::decoder_final_norm(*backend_, model_.spec, model_.weights, hidden_rows_, work_);
  const std::span<const float> normed(work_.normed.data(), n * model_.spec.hidden);
  if (all_finite(normed)) {
    s.pool(s.computed - n, normed);
  } else {
    s.fail(Error(ErrorCode::kCorrupt,
                 "the hidden states of tokens " + std::to_string(s.computed - n) + " to " +
                     std::to_string(s.computed - 1) +
                     " are not finite: the weights are damaged, or fp16 overflowed. Try --dtype "
                     "fp32."));
  }
}

void Runner::compute_logits(std::span<const size_t> hidden_rows) {
  const size_t n = hidden_rows.size() * model_.spec.vocabulary;
  if (logits_.size() < n) logits_.resize(n);
  models::decoder_logits(*backend_, model_.spec, model_.weights, hidden_rows, work_,
                         logits_.data());
}

void Runner::evaluate(std::span<Row> rows) {
  hidden_rows_.clear();
  for (const Row& row : rows) hidden_rows_.push_back(row.hidden_row);
  compute_logits(hidden_rows_);
  const size_t vocabulary = model_.spec.vocabulary;
  const auto evaluate_row = [&](size_t i) {
    evaluate(rows[i], std::span(logits_).subspan(i * vocabulary, vocabulary));
  };
  // Rows are independent, so threads change nothing; but callbacks stay with the stepping thread.
  const auto calls_back = [&](size_t i) {
    return rows[i].scored == Row::kDraw && rows[i].sequence->request().on_logits != nullptr;
  };
  backend_->for_each(rows.size(), [&](size_t i) {
    if (!calls_back(i)) evaluate_row(i);
  });
  for (size_t i = 0; i < rows.size(); ++i) {
    if (calls_back(i) && !rows[i].sequence->ended()) evaluate_row(i);
  }
  for (Row& row : rows) deliver(row);
}

// Must not throw: it runs on the backend's threads.
void Runner::evaluate(Row& row, std::span<float> logits) const {
  Sequence& s = *row.sequence;
  const bool draws = row.scored == Row::kDraw;
  const auto place = [&](ErrorCode code) {
    const std::string at = draws ? "step " + std::to_string(s.drawn().size() + 1) + " of the reply"
                                 : "token " + std::to_string(row.scored) + " of the prompt";
    const bool known = code == ErrorCode::kCorrupt && !s.bad_layer.empty();
    return at + (known ? ", from " + s.bad_layer + " on: " : ": ");
  };
  try {
    if (draws) {
      row.drawn = s.draw(logits, row.logprobs);
    } else {
      check_finite(logits);
      row.logprobs = log_softmax(logits, s.ids()[row.scored], s.request().n_logprobs.value_or(0));
    }
  } catch (const Error& error) {
    row.error.emplace(error.code(), place(error.code()) + error.what());
  } catch (const std::exception& error) {
    row.error.emplace(ErrorCode::kInternal, place(ErrorCode::kInternal) + error.what());
  }
}

void Runner::deliver(Row& row) {
  Sequence& s = *row.sequence;
  if (s.ended()) return;
  if (row.error) {
    if (row.error->code() == ErrorCode::kCorrupt) s.finite = false;
    s.fail(*row.error);
  } else if (row.scored != Row::kDraw) {
    s.score(std::move(*row.logprobs));
  } else {
    ++generated_tokens_;
    guarded(s, [&] { s.take(row.drawn, std::move(row.logprobs)); });
  }
}

void Runner::logits(std::span<const TokenId> ids, size_t steps, size_t chunk, const SequenceKv& kv,
                    const std::function<void(std::span<const float>)>& row) {
  const size_t prefill = ids.size() - steps, vocabulary = model_.spec.vocabulary;
  const float prefill_base = models::prefill_rope_base(model_.spec, prefill);
  for (size_t done = 0; done < ids.size();) {
    const size_t n = done < prefill ? std::min(chunk, prefill - done) : 1;
    const float base = models::forward_rope_base(model_.spec, prefill_base, done + n);
    const models::SequenceInput input{ids.subspan(done, n), done, kv.data.data(), base};
    models::decoder_forward(*backend_, model_.spec, model_.weights, memory_.pool().layout(),
                            {&input, 1}, work_);
    for (size_t first = 0; first < n; first += n_rows_) {
      hidden_rows_.resize(std::min(n_rows_, n - first));
      std::iota(hidden_rows_.begin(), hidden_rows_.end(), first);
      compute_logits(hidden_rows_);
      for (size_t i = 0; i < hidden_rows_.size(); ++i) {
        row(std::span<const float>(logits_).subspan(i * vocabulary, vocabulary));
      }
    }
    done += n;
  }
}

}  // namespace heng::engine
