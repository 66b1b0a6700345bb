// GET /health, /metrics, /v1/models: from figures that are at hand, on the I/O thread.
#include "server/endpoints.h"

namespace heng::server {
namespace {

Json model_object(const Service& service, const ModelRegistry::Listed& model) {
  return {{"id", model.name},
          {"object", "model"},
          {"created", service.started},
          {"owned_by", "heng"},
          {"max_model_len", model.host ? model.host->most_tokens() : model.info.context},
          {"loaded", model.host != nullptr},
          {"meta",
           {{"architecture", model.info.architecture},
            {"stored_as", model.info.stored_as},
            {"n_params", model.info.parameters},
            {"n_vocab", model.info.vocabulary},
            {"n_embd", model.info.hidden},
            {"n_ctx_train", model.info.trained_context},
            {"size", model.info.file_bytes}}}};
}

}  // namespace

void get_health(Service& service, const ExchangePtr& exchange) {
  Response response;
  switch (service.phase.load()) {
    case ServerPhase::kReady:
      response.body = R"({"status":"ok"})";
      break;
    case ServerPhase::kStarting:
      response = {
          .status = 503, .body = R"({"status":"loading"})", .headers = {{"Retry-After", "5"}}};
      break;
    case ServerPhase::kDraining:
      response = {
          .status = 503, .body = R"({"status":"draining"})", .headers = {{"Retry-After", "5"}}};
      break;
  }
  exchange->respond(std::move(response));
}

void get_metrics(Service& service, const ExchangePtr& exchange) {
  std::vector<std::pair<std::string, EngineStats>> engines;
  for (const auto& model : service.models.list()) {
    if (model.host) engines.emplace_back(model.name, model.host->stats());
  }
  exchange->respond(
      {.content_type = "text/plain; version=0.0.4", .body = service.metrics.text(engines)});
}

void get_models(Service& service, const ExchangePtr& exchange) {
  Json data = Json::array();
  for (const auto& model : service.models.list()) data.push_back(model_object(service, model));
  exchange->respond({.body = to_text({{"object", "list"}, {"data", std::move(data)}})});
}

void get_model(Service& service, const ExchangePtr& exchange) {
  answer_errors(service, exchange, ErrorShape::kOpenAi, [&] {
    constexpr std::string_view kHead = "/v1/models/";
    const auto name = service.models.resolve(exchange->request.path.substr(kHead.size()));
    for (const auto& model : service.models.list()) {
      if (model.name == name) exchange->respond({.body = to_text(model_object(service, model))});
    }
  });
}

}  // namespace heng::server
