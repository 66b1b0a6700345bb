// What all endpoints share: models, figures, log, the I/O thread's loop and a few threads that read
// requests, so that neither waits for the other.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>

#include "server/access.h"
#include "server/blind_rounds.h"
#include "server/exchange.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/model_registry.h"
#include "server/remote_reply.h"
#include "server/reply_job.h"
#include "server/reply_shapes.h"
#include "server/vote_store.h"

namespace heng::server {

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;  // 0: any that is free
  HttpLimits http;
  AccessRules access;
  LogFormat log = LogFormat::kPlain;
  std::chrono::milliseconds drain = std::chrono::seconds(10);  // for replies under way at the end
  std::string version;
  std::shared_ptr<VoteStore> votes;         // nullptr: none are kept
  std::vector<remote::Provider> providers;  // that the page may ask
  bool handle_signals = false;  // SIGINT and SIGTERM drain; a second one ends the process
};

enum class ServerPhase { kStarting, kReady, kDraining };

struct Service {
  // Throws as ModelRegistry, and Error kInvalidArgument for a provider with the name of a model.
  Service(ServerOptions o, std::vector<ModelSource> sources, RegistryOptions registry);

  const ServerOptions options;
  const int64_t started = unix_seconds();
  Log log;
  Metrics metrics;
  std::atomic<ServerPhase> phase = ServerPhase::kStarting;
  boost::asio::io_context io{1};
  JobList jobs;
  ModelRegistry models;
  Providers providers;                    // by name; never changes
  std::unique_ptr<RemoteReplies> remote;  // where there are providers
  const std::shared_ptr<VoteStore> votes;
  BlindRounds rounds;
  boost::asio::thread_pool workers{2};
};

using ExchangePtr = std::shared_ptr<Exchange>;

// Runs `body`; what it throws becomes the answer. From any thread.
void answer_errors(Service& service, const ExchangePtr& exchange, ErrorShape shape,
                   const std::function<void()>& body);

// answer_errors on a worker thread; nothing where the client has left meanwhile.
void on_worker(Service& service, const ExchangePtr& exchange, ErrorShape shape,
               std::function<void()> body);

// `body` with the model, on a worker thread, when it is loaded. Throws ApiError for an unknown
// name.
using WithModel = std::function<void(const std::string& name, std::shared_ptr<ModelHost> host)>;
void with_model(Service& service, const ExchangePtr& exchange, ErrorShape shape,
                const std::string& name, WithModel body);

// From any thread.
void respond_json(const ExchangePtr& exchange, const Json& body);

}  // namespace heng::server
