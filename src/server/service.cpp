#include "server/service.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace heng::server {
namespace {

void respond_error(const ExchangePtr& exchange, const ApiError& error, ErrorShape shape) {
  exchange->post([exchange, error, shape] {
    if (exchange->facts.outcome.empty()) exchange->facts.outcome = error.message();
    exchange->respond(error_response(error, shape));
  });
}

}  // namespace

Service::Service(ServerOptions o, std::vector<ModelSource> sources, RegistryOptions registry)
    : options(std::move(o)),
      log(options.log),
      models(std::move(sources), std::move(registry), log),
      votes(options.votes) {
  const auto served = models.list();
  for (const remote::Provider& provider : options.providers) {
    const bool is_model = std::any_of(served.begin(), served.end(), [&](const auto& model) {
      return model.name == provider.name;
    });
    if (is_model ||
        !providers.emplace(provider.name, std::make_shared<remote::ChatClient>(provider)).second) {
      throw Error(ErrorCode::kInvalidArgument,
                  "two models are named \"" + provider.name + "\". Name the provider otherwise.");
    }
  }
  if (!providers.empty()) remote = std::make_unique<RemoteReplies>();
}

void answer_errors(Service& service, const ExchangePtr& exchange, ErrorShape shape,
                   const std::function<void()>& body) {
  try {
    body();
  } catch (const ApiError& error) {
    respond_error(exchange, error, shape);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument && error.code() != ErrorCode::kBusy) {
      service.log.write("error", {{"id", exchange->id}, {"error", error.what()}});
    }
    respond_error(exchange, ApiError::of(error), shape);
  } catch (const std::bad_alloc&) {
    respond_error(exchange, ApiError(503, "out of memory.", "", "out_of_memory"), shape);
  } catch (const std::exception& error) {
    service.log.write("error", {{"id", exchange->id}, {"error", error.what()}});
    respond_error(exchange, ApiError(500, "an error inside the server; its log says which."),
                  shape);
  }
}

void on_worker(Service& service, const ExchangePtr& exchange, ErrorShape shape,
               std::function<void()> body) {
  boost::asio::post(service.workers, [&service, exchange, shape, body = std::move(body)] {
    if (exchange->is_open()) answer_errors(service, exchange, shape, body);
  });
}

void with_model(Service& service, const ExchangePtr& exchange, ErrorShape shape,
                const std::string& name, WithModel body) {
  const std::string served = service.models.resolve(name);
  service.models.acquire(served, [&service, exchange, shape, served, body = std::move(body)](
                                     std::shared_ptr<ModelHost> host, std::exception_ptr error) {
    on_worker(service, exchange, shape, [exchange, served, body, host, error] {
      if (error) std::rethrow_exception(error);
      exchange->post([exchange, served] { exchange->facts.model = served; });
      body(served, host);
    });
  });
}

void respond_json(const ExchangePtr& exchange, const Json& body) {
  exchange->post([exchange, text = to_text(body)] { exchange->respond({.body = text}); });
}

}  // namespace heng::server
