// The server: listens, holds connections to their limits, and runs until it is drained. All I/O is
// done by the thread in run(); see service.h for the others.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "server/http_session.h"
#include "server/router.h"
#include "server/service.h"
#include "server/wrong_keys.h"

namespace heng::server {

class Server : private SessionHost {
 public:
  // Listens from here on; reads the models' headers but loads none. Throws Error as
  // ModelRegistry, and kInvalidArgument where the address cannot be had.
  Server(ServerOptions options, std::vector<ModelSource> models, RegistryOptions registry);
  ~Server() override;

  uint16_t port() const { return port_; }
  // The name of the model that is loaded first.
  std::string first_model() const { return service_.models.resolve(""); }
  Log& log() { return service_.log; }

  struct End {
    int signal = 0;        // that ended it; 0: drain() did
    bool cut_off = false;  // replies were under way when the time to drain was over
  };
  // Loads the first model, serves, and returns when it is drained. `on_ready`: called when the
  // model is loaded; may be empty. Throws what loading the first model throws.
  End run(const std::function<void()>& on_ready = {});
  // No new requests; run() returns when those under way have ended, or the time for it is over.
  // From any thread.
  void drain();

 private:
  using Tcp = boost::asio::ip::tcp;

  const HttpLimits& limits() const override { return service_.options.http; }
  bool admit(Exchange& exchange) override;
  void handle(std::shared_ptr<Exchange> exchange) override;
  Response refusal(int status, std::string_view message) override;
  std::string new_id() override;
  bool hold_body(size_t had, size_t has) override;
  void ended(HttpSession& session) override;

  void listen();
  void accept();
  void take(Tcp::socket socket);
  std::optional<ApiError> refused(const Exchange& exchange) const;
  bool answer_preflight(Exchange& exchange) const;
  void refuse(Exchange& exchange, const ApiError& error);
  void add_cors(Exchange& exchange) const;
  void log_end(const Exchange& exchange);
  void load_first(const std::function<void()>& on_ready);
  void await_signal();
  void begin_drain(int signal);
  void cut_off();
  void sweep();
  void run_io();
  void finish();

  Service service_;
  Tcp::acceptor acceptor_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer drain_timer_, sweep_timer_, accept_timer_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  uint16_t port_ = 0;
  std::map<HttpSession*, std::weak_ptr<HttpSession>> sessions_;
  size_t body_bytes_ = 0;  // of all requests under way
  WrongKeys wrong_keys_;
  bool accepting_ = false;
  std::exception_ptr load_error_;
  End end_;
  uint64_t id_salt_, n_ids_ = 0;
};

}  // namespace heng::server
