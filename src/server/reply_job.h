// The work for one exchange: requests to one engine, and who writes what comes of them. The engine
// calls from its thread; the writer is called on the I/O thread, in the order things happened,
// never again after the exchange has ended. The client leaving cancels what is queued or running.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/api_error.h"
#include "server/exchange.h"
#include "server/metrics.h"
#include "server/model_host.h"

namespace heng::server {

// A token of the reply `index`.
struct Piece {
  size_t index;
  TokenId id;
  std::string text;
  std::optional<Logprobs> logprobs;
};

class ReplyWriter {
 public:
  virtual ~ReplyWriter() = default;
  // All requests were accepted; always the first call.
  virtual void begin() = 0;
  virtual void take(const Piece& piece) = 0;
  // A reply is complete; the last of them ends the exchange.
  virtual void finish(size_t index, const Completion& completion) = 0;
  // The replies cannot be completed: ends the exchange.
  virtual void fail(const ApiError& error) = 0;
};

class ReplyJob;

// The jobs under way, so that they can be stopped when the server ends. I/O thread only.
class JobList {
 public:
  void add(const std::shared_ptr<ReplyJob>& job);
  void stop_all();

 private:
  std::vector<std::weak_ptr<ReplyJob>> jobs_;
};

class ReplyJob : public std::enable_shared_from_this<ReplyJob> {
 public:
  // Borrows `metrics` and `jobs`.
  ReplyJob(std::shared_ptr<Exchange> exchange, std::shared_ptr<ModelHost> host, Metrics& metrics,
           JobList& jobs, std::unique_ptr<ReplyWriter> writer);

  // Submits all requests, or none: throws as ModelHost::submit. A request that is nullopt has its
  // completion already. Call once, from any thread but the engine's.
  struct Item {
    std::optional<Request> request;
    Completion completion;
  };
  void start(std::vector<Item> items);
  // Ends with an error that says the server stopped it. I/O thread only.
  void stop();

 private:
  struct Timing {
    Exchange::Clock::time_point last;
    bool has_first = false;
  };

  Request hooked(Request request, size_t index);
  void on_token(size_t index, const TokenEvent& event);
  void on_done(size_t index, Completion completion);
  void then(std::function<void()> event);
  void guard(const std::function<void()>& event);
  void begin(std::vector<RequestId> ids);
  void give_up();
  void finish(size_t index, const Completion& completion);
  void note(const Completion& completion);
  void cancel();

  const std::shared_ptr<Exchange> exchange_;
  Metrics& metrics_;
  JobList& jobs_;
  std::atomic<bool> cancelled_ = false;
  std::vector<Timing> timings_;  // the engine's thread alone

  // I/O thread:
  std::shared_ptr<ModelHost> host_;  // until all has ended
  std::unique_ptr<ReplyWriter> writer_;
  std::vector<RequestId> ids_;
  std::vector<std::function<void()>> early_;  // what happened before begin()
  bool begun_ = false, given_up_ = false;
  size_t n_left_ = 0;
};

}  // namespace heng::server
