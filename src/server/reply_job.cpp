#include "server/reply_job.h"

#include <utility>

namespace heng::server {
namespace {

double seconds_since(Exchange::Clock::time_point then) {
  return std::chrono::duration<double>(Exchange::Clock::now() - then).count();
}

ApiError error_of(const Completion& completion) {
  if (completion.error) return ApiError::of(*completion.error);
  return ApiError(503, "the server stopped this request: it is shutting down or unloads the model.",
                  "", "shutting_down")
      .with_retry_after(5);
}

}  // namespace

ReplyJob::ReplyJob(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host,
                   Metrics& metrics, JobList& jobs, std::unique_ptr<ReplyWriter> writer)
    : exchange_(std::move(exchange)),
      metrics_(metrics),
      jobs_(jobs),
      host_(std::move(host)),
      writer_(std::move(writer)) {}

void ReplyJob::start(std::vector<Item> items) {
  const auto self = shared_from_this();
  timings_.resize(items.size());
  n_left_ = items.size();
  std::vector<RequestId> ids;
  try {
    for (size_t i = 0; i < items.size(); ++i) {
      if (items[i].request) ids.push_back(host_->submit(hooked(std::move(*items[i].request), i)));
    }
  } catch (...) {
    cancelled_ = true;
    for (const RequestId id : ids) host_->cancel(id);
    exchange_->post([self] { self->give_up(); });
    throw;
  }
  exchange_->post([self, ids = std::move(ids)]() mutable { self->begin(std::move(ids)); });
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].request) on_done(i, std::move(items[i].completion));
  }
}

Request ReplyJob::hooked(Request request, size_t index) {
  const auto self = shared_from_this();
  request.on_token = [self, index](const TokenEvent& event) {
    if (!self->cancelled_) self->on_token(index, event);
    return !self->cancelled_;
  };
  request.on_prompt = [self](size_t, size_t) { return !self->cancelled_; };
  request.on_done = [self, index](Completion completion) {
    self->on_done(index, std::move(completion));
  };
  return request;
}

void ReplyJob::on_token(size_t index, const TokenEvent& event) {
  Timing& timing = timings_[index];
  const auto now = Exchange::Clock::now();
  if (timing.has_first) {
    metrics_.between_tokens.observe(std::chrono::duration<double>(now - timing.last).count());
  } else {
    metrics_.first_token.observe(seconds_since(exchange_->began));
  }
  timing = {now, true};
  Piece piece{index, event.id, std::string(event.text), std::nullopt};
  if (event.logprobs) piece.logprobs = *event.logprobs;
  then([this, piece = std::move(piece)] {
    if (exchange_->is_open()) writer_->take(piece);
  });
}

void ReplyJob::on_done(size_t index, Completion completion) {
  then([this, index, completion = std::move(completion)] { finish(index, completion); });
}

// On the I/O thread, after begin().
void ReplyJob::then(std::function<void()> event) {
  exchange_->post([self = shared_from_this(), event = std::move(event)]() mutable {
    if (self->given_up_) return;
    if (!self->begun_) return self->early_.push_back(std::move(event));
    self->guard(event);
  });
}

// What a writer throws ends its exchange alone.
void ReplyJob::guard(const std::function<void()>& event) {
  try {
    event();
  } catch (const std::exception& error) {
    exchange_->facts.outcome = error.what();
    if (exchange_->is_open() && writer_) {
      writer_->fail(ApiError(500, "an error inside the server; its log says which."));
    }
    cancel();
  }
}

void ReplyJob::give_up() {
  given_up_ = true;
  early_.clear();
  host_.reset();
  writer_.reset();
}

void ReplyJob::begin(std::vector<RequestId> ids) {
  ids_ = std::move(ids);
  begun_ = true;
  ++metrics_.streams;
  jobs_.add(shared_from_this());
  exchange_->when_gone([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->cancel();
  });
  guard([this] {
    if (exchange_->is_open()) writer_->begin();
  });
  for (const auto& event : std::exchange(early_, {})) guard(event);
}

void ReplyJob::finish(size_t index, const Completion& completion) {
  note(completion);
  const bool failed =
      completion.finish == FinishReason::kError || completion.finish == FinishReason::kCancelled;
  if (exchange_->is_open()) {
    if (failed) {
      writer_->fail(error_of(completion));
      cancel();
    } else {
      writer_->finish(index, completion);
    }
  }
  if (--n_left_ > 0) return;
  --metrics_.streams;
  metrics_.whole.observe(seconds_since(exchange_->began));
  host_.reset();
  writer_.reset();
}

void ReplyJob::note(const Completion& completion) {
  ExchangeFacts& facts = exchange_->facts;
  facts.prompt_tokens += completion.prompt_tokens;
  facts.cached_tokens += completion.reused_tokens;
  facts.reply_tokens += completion.ids.size();
  facts.queue_seconds = completion.queue_seconds;
  facts.prompt_seconds = completion.prompt_seconds;
  facts.generation_seconds = completion.generation_seconds;
  facts.outcome = completion.error ? completion.error->what()
                                   : std::string(finish_reason_name(completion.finish));
  metrics_.queue.observe(completion.queue_seconds);
}

void ReplyJob::stop() {
  cancelled_ = true;
  for (const RequestId id : ids_) {
    if (host_) host_->cancel(id);
  }
}

void ReplyJob::cancel() {
  stop();
  exchange_->abandon();
}

void JobList::add(const std::shared_ptr<ReplyJob>& job) {
  std::erase_if(jobs_, [](const std::weak_ptr<ReplyJob>& known) { return known.expired(); });
  jobs_.push_back(job);
}

void JobList::stop_all() {
  for (const auto& known : jobs_) {
    if (const auto job = known.lock()) job->stop();
  }
}

}  // namespace heng::server
