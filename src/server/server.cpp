#include "server/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "base/message.h"

namespace heng::server {
namespace {

using boost::asio::ip::tcp;
using Code = boost::system::error_code;

constexpr size_t kRefusalsAtOnce = 64;  // connections over the limit that are told so
constexpr auto kSweepEvery = std::chrono::seconds(2);
constexpr auto kAfterCutOff = std::chrono::seconds(2);
constexpr int kRetrySeconds = 5;

// One descriptor a connection: as many as the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Server::Server(ServerOptions options, std::vector<ModelSource> models, RegistryOptions registry)
    : service_(std::move(options), std::move(models), std::move(registry)),
      acceptor_(service_.io),
      signals_(service_.io),
      drain_timer_(service_.io),
      sweep_timer_(service_.io),
      accept_timer_(service_.io),
      work_(service_.io.get_executor()),
      id_salt_(std::random_device{}()) {
  raise_descriptor_limit();
  listen();
}

Server::~Server() {
  finish();
}

void Server::listen() {
  const ServerOptions& o = service_.options;
  const std::string address = o.host + ":" + std::to_string(o.port);
  try {
    tcp::resolver resolver(service_.io);
    const auto found = resolver.resolve(o.host, std::to_string(o.port), tcp::resolver::passive);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen(1024);
    port_ = acceptor_.local_endpoint().port();
  } catch (const boost::system::system_error& error) {
    throw Error(ErrorCode::kInvalidArgument, "cannot listen on " + address + ": " +
                                                 error.code().message() +
                                                 ". Choose another --host or --port.");
  }
}

Server::End Server::run(const std::function<void()>& on_ready) {
  if (service_.options.handle_signals) {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    await_signal();
  }
  accept();
  sweep();
  load_first(on_ready);
  run_io();
  finish();
  if (load_error_) std::rethrow_exception(load_error_);
  return end_;
}

void Server::run_io() {
  while (true) {
    try {
      service_.io.run();
      return;
    } catch (const std::exception& error) {  // std::bad_alloc, for instance: of one connection
      service_.log.write("error", {{"error", error.what()}});
    }
  }
}

void Server::load_first(const std::function<void()>& on_ready) {
  const auto ready = [this, on_ready](const std::shared_ptr<ModelHost>& host,
                                      const std::exception_ptr& error) {
    boost::asio::post(service_.io, [this, on_ready, loaded = host != nullptr, error] {
      if (!loaded && service_.phase == ServerPhase::kStarting) {
        load_error_ = error;
        return begin_drain(0);
      }
      if (service_.phase != ServerPhase::kStarting) return;
      service_.phase = ServerPhase::kReady;
      if (on_ready) on_ready();
    });
  };
  service_.models.acquire(first_model(), ready);
}

void Server::finish() {
  if (service_.remote) {
    service_.remote->stop();
    service_.remote->join();
  }
  service_.workers.join();
  service_.models.shut_down();
  // Replies whose clients have left hold their engine until it has said that it stopped them; what
  // an engine says comes by this loop, which must not go before them.
  service_.jobs.stop_all();
  const auto end = std::chrono::steady_clock::now() + kAfterCutOff;
  do {
    service_.io.restart();
    service_.io.run_for(std::chrono::milliseconds(1));
  } while (!service_.models.is_empty() && std::chrono::steady_clock::now() < end);
}

// Connections -------------------------------------------------------------------------------------

void Server::accept() {
  if (accepting_ || !acceptor_.is_open()) return;
  if (sessions_.size() >= limits().connections + kRefusalsAtOnce) return;  // until one ends
  accepting_ = true;
  acceptor_.async_accept([this](Code code, tcp::socket socket) {
    accepting_ = false;
    if (code == boost::asio::error::operation_aborted) return;
    if (!code) {
      take(std::move(socket));
      return accept();
    }
    // No descriptor is left, for instance.
    accept_timer_.expires_after(std::chrono::milliseconds(100));
    accept_timer_.async_wait([this](Code stopped) {
      if (!stopped) accept();
    });
  });
}

void Server::take(tcp::socket socket) {
  const auto session =
      std::make_shared<HttpSession>(std::move(socket), static_cast<SessionHost&>(*this));
  sessions_[session.get()] = session;
  service_.metrics.connections = sessions_.size();
  if (sessions_.size() <= limits().connections) return session->start();
  ++service_.metrics.refused_connections;
  const ApiError error = ApiError(503, "too many connections.", "", "too_many_connections")
                             .with_retry_after(kRetrySeconds);
  session->refuse(error_response(error, ErrorShape::kOpenAi));
}

void Server::ended(HttpSession& session) {
  sessions_.erase(&session);
  service_.metrics.connections = sessions_.size();
  accept();
  if (service_.phase == ServerPhase::kDraining && sessions_.empty()) {
    drain_timer_.cancel();
    signals_.cancel();
    work_.reset();
  }
}

std::string Server::new_id() {
  std::mt19937_64 mix(id_salt_ + 0x9e3779b97f4a7c15u * ++n_ids_);
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(mix()));
  return text;
}

// Requests ----------------------------------------------------------------------------------------

Response Server::refusal(int status, std::string_view message) {
  service_.metrics.count_answer(status);
  service_.log.write("bad_request", {{"status", status}, {"error", message}});
  ApiError error(status, std::string(message), "", "bad_request");
  if (status == 503) error = std::move(error).with_retry_after(kRetrySeconds);
  return error_response(error, ErrorShape::kOpenAi);
}

std::optional<ApiError> Server::refused(const Exchange& exchange) const {
  const HttpRequest& request = exchange.request;
  const AccessRules& rules = service_.options.access;
  if (!host_allowed(rules, request.host)) {
    return ApiError(403,
                    "the Host header names \"" + printable(request.host) +
                        "\", which this server does not answer to. Use localhost, or start it "
                        "with --allow-host.",
                    "", "host_not_allowed");
  }
  if (!origin_allowed(rules, request.origin, request.host)) {
    return ApiError(403,
                    "pages of \"" + printable(request.origin) +
                        "\" may not ask this server. Start it with --cors-origin to allow it.",
                    "", "origin_not_allowed");
  }
  const RouteOrError found = find_route(request.method, request.path);
  const bool asks_key = !found.route || found.route->key == Route::Key::kAsked;
  if (asks_key && !rules.keys.empty() && !key_index(rules, request.authorization)) {
    return ApiError(401, "a valid API key is needed: Authorization: Bearer KEY.", "",
                    "invalid_api_key");
  }
  if (found.error) return found.error;
  const bool is_ollama = error_shape(request.path) == ErrorShape::kOllama;
  if (request.method == "POST" && !is_ollama && !is_json(request.content_type)) {
    return ApiError(
        415,
        "Content-Type is \"" + printable(request.content_type) + "\", expected application/json.",
        "", "unsupported_media_type");
  }
  if (found.route->needs_model && service_.phase != ServerPhase::kReady) {
    const bool starting = service_.phase == ServerPhase::kStarting;
    return ApiError(503, starting ? "the model is being loaded." : "the server is shutting down.",
                    "", starting ? "loading" : "shutting_down")
        .with_retry_after(kRetrySeconds);
  }
  return std::nullopt;
}

void Server::add_cors(Exchange& exchange) const {
  if (!origin_listed(service_.options.access, exchange.request.origin)) return;
  exchange.headers.emplace_back("Access-Control-Allow-Origin", exchange.request.origin);
  exchange.headers.emplace_back("Vary", "Origin");
}

bool Server::answer_preflight(Exchange& exchange) const {
  const HttpRequest& request = exchange.request;
  if (request.method != "OPTIONS" || !origin_listed(service_.options.access, request.origin)) {
    return false;
  }
  exchange.respond({.status = 204,
                    .headers = {{"Access-Control-Allow-Methods", "GET, POST"},
                                {"Access-Control-Allow-Headers", "Authorization, Content-Type"},
                                {"Access-Control-Max-Age", "600"}}});
  return true;
}

bool Server::admit(Exchange& exchange) {
  exchange.headers = {{"X-Request-Id", exchange.id}};
  exchange.on_end = [this](const Exchange& ended) { log_end(ended); };
  add_cors(exchange);
  if (answer_preflight(exchange)) return false;
  const auto error = refused(exchange);
  if (!error) {
    const auto key = key_index(service_.options.access, exchange.request.authorization);
    exchange.cache_group = key ? *key + 1 : 0;
    return true;
  }
  refuse(exchange, *error);
  return false;
}

bool Server::hold_body(size_t had, size_t has) {
  const size_t all = body_bytes_ - had + has;
  if (has > had && all > limits().all_body_bytes) return false;
  body_bytes_ = all;
  return true;
}

void Server::refuse(Exchange& exchange, const ApiError& error) {
  exchange.facts.outcome = error.message();
  std::chrono::milliseconds delay{0};
  if (error.status() == 401) {
    exchange.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (!exchange.request.authorization.empty()) {
      delay = wrong_keys_.note(exchange.request.client, WrongKeys::Clock::now());
    }
  }
  if (error.status() == 405) {
    exchange.headers.emplace_back("Allow",
                                  find_route(exchange.request.method, exchange.request.path).allow);
  }
  const auto response = error_response(error, error_shape(exchange.request.path));
  if (delay.count() == 0) return exchange.respond(response);
  const auto timer = std::make_shared<boost::asio::steady_timer>(service_.io, delay);
  timer->async_wait([timer, response, waiting = exchange.shared_from_this()](Code) {
    waiting->respond(response);
  });
}

void Server::handle(std::shared_ptr<Exchange> exchange) {
  const Route* route = find_route(exchange->request.method, exchange->request.path).route;
  answer_errors(service_, exchange, error_shape(exchange->request.path),
                [&] { route->endpoint(service_, exchange); });
}

void Server::log_end(const Exchange& exchange) {
  const ExchangeFacts& facts = exchange.facts;
  service_.metrics.count_answer(facts.status);
  const std::chrono::duration<double> took = Exchange::Clock::now() - exchange.began;
  const auto shown = [](const auto& value, bool is_known) {
    return is_known ? Json(value) : Json();
  };
  const bool ran = facts.prompt_tokens > 0;
  service_.log.write("request", {{"id", exchange.id},
                                 {"client", exchange.request.client},
                                 {"method", exchange.request.method},
                                 {"path", exchange.request.path},
                                 {"status", facts.status},
                                 {"seconds", took.count()},
                                 {"model", shown(facts.model, !facts.model.empty())},
                                 {"prompt_tokens", shown(facts.prompt_tokens, ran)},
                                 {"cached_tokens", shown(facts.cached_tokens, ran)},
                                 {"reply_tokens", shown(facts.reply_tokens, ran)},
                                 {"queue_seconds", shown(facts.queue_seconds, ran)},
                                 {"prompt_seconds", shown(facts.prompt_seconds, ran)},
                                 {"generation_seconds", shown(facts.generation_seconds, ran)},
                                 {"outcome", shown(facts.outcome, !facts.outcome.empty())}});
}

// The end -----------------------------------------------------------------------------------------

void Server::drain() {
  boost::asio::post(service_.io, [this] { begin_drain(0); });
}

void Server::await_signal() {
  signals_.async_wait([this](Code code, int signal) {
    if (code) return;
    if (service_.phase == ServerPhase::kDraining) _exit(128 + signal);
    service_.log.write("drain", {{"signal", signal}, {"connections", sessions_.size()}});
    await_signal();  // for the second one; where nothing is to be drained it is called off at once
    begin_drain(signal);
  });
}

void Server::begin_drain(int signal) {
  if (service_.phase == ServerPhase::kDraining) return;
  service_.phase = ServerPhase::kDraining;
  end_.signal = signal;
  Code ignored;
  acceptor_.close(ignored);
  accept_timer_.cancel();
  sweep_timer_.cancel();
  service_.models.stop_loading();
  const auto sessions = sessions_;
  for (const auto& [key, weak] : sessions) {
    if (const auto session = weak.lock()) session->drain();
  }
  if (sessions_.empty()) {
    signals_.cancel();
    work_.reset();
    return;
  }
  drain_timer_.expires_after(service_.options.drain);
  drain_timer_.async_wait([this](Code code) {
    if (!code) cut_off();
  });
}

// Replies that still run are told that the server stops; who does not read that is closed.
void Server::cut_off() {
  end_.cut_off = true;
  service_.jobs.stop_all();
  if (service_.remote) service_.remote->stop();
  drain_timer_.expires_after(kAfterCutOff);
  drain_timer_.async_wait([this](Code code) {
    if (code) return;
    const auto sessions = sessions_;
    for (const auto& [key, weak] : sessions) {
      if (const auto session = weak.lock()) session->drop();
    }
  });
}

void Server::sweep() {
  sweep_timer_.expires_after(kSweepEvery);
  sweep_timer_.async_wait([this](Code code) {
    if (code) return;
    boost::asio::post(service_.workers, [this] { service_.models.sweep(); });
    sweep();
  });
}

}  // namespace heng::server
