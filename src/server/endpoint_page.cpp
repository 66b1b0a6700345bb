// GET / and /page/...: the web page's files, under a policy that lets nothing run but these scripts
// and nothing be asked but this server. GET /heng/models: what the page can choose from.
#include <algorithm>

#include "server/endpoints.h"
#include "server/page_files.h"

namespace heng::server {
namespace {

// A reply is shown as Markdown, so it must not matter what it says: no script that is not a file of
// this server, no eval, no string that becomes HTML but through DOMPurify, no request elsewhere.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' "
    "data:; "
    "connect-src 'self'; manifest-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify";

// Whether "If-None-Match: "a", W/"b"" names `etag`.
bool is_known(std::string_view if_none_match, std::string_view etag) {
  return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

Json local_model(const ModelRegistry::Listed& model) {
  Json json = {{"name", model.name},
               {"kind", "local"},
               {"loaded", model.host != nullptr},
               {"context", model.host ? model.host->most_tokens() : model.info.context},
               {"architecture", model.info.architecture},
               {"stored_as", model.info.stored_as},
               {"parameters", model.info.parameters},
               {"settings", nullptr}};
  if (!model.host) return json;
  const GenerationConfig& config = model.host->model().generation_config();
  json["settings"] = {{"temperature", config.do_sample ? config.temperature : 0.0},
                      {"top_p", config.top_p},
                      {"top_k", config.top_k},
                      {"repetition_penalty", config.repetition_penalty}};
  return json;
}

}  // namespace

void get_page(Service&, const ExchangePtr& exchange) {
  const std::string& asked = exchange->request.path;
  const std::string_view path = asked == "/" ? std::string_view("/page/index.html") : asked;
  const auto files = page_files();
  const auto file =
      std::find_if(files.begin(), files.end(), [&](const PageFile& f) { return f.path == path; });
  if (file == files.end()) {
    return exchange->respond(error_response(
        ApiError(404, "the page has no such file.", "", "unknown_url"), ErrorShape::kOpenAi));
  }
  Response response;
  response.content_type = file->content_type;
  response.headers = {{"ETag", std::string(file->etag)},
                      {"Cache-Control", "no-cache"},  // kept, and asked for again by its ETag
                      {"Content-Security-Policy", std::string(kPolicy)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"X-Frame-Options", "DENY"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Referrer-Policy", "no-referrer"}};
  if (is_known(exchange->request.if_none_match, file->etag)) {
    response.status = 304;
  } else {
    response.body = file->bytes();
  }
  exchange->respond(std::move(response));
}

void get_page_models(Service& service, const ExchangePtr& exchange) {
  Json models = Json::array();
  for (const auto& model : service.models.list()) models.push_back(local_model(model));
  for (const auto& [name, client] : service.providers) {
    models.push_back({{"name", name}, {"kind", "remote"}, {"host", client->host()}});
  }
  exchange->respond({.body = to_text({{"models", std::move(models)},
                                      {"default", service.models.resolve("")},
                                      {"votes", service.votes != nullptr},
                                      {"version", service.options.version}})});
}

}  // namespace heng::server
