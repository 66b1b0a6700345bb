// ollama's API, so that its clients work: /api/chat, /api/generate, /api/tags, /api/show, /api/ps,
// /api/version. Source: ollama's docs/api.md.
#include <sys/stat.h>

#include <ctime>

#include "server/endpoints.h"
#include "server/ollama_writer.h"
#include "server/prompts.h"

namespace heng::server {
namespace {

constexpr auto kShape = ErrorShape::kOllama;

std::string modified_at(const std::filesystem::path& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return "1970-01-01T00:00:00Z";
  std::tm utc{};
  gmtime_r(&about.st_mtime, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

// "134.5M", "1.8B"
std::string parameter_size(uint64_t n) {
  const bool large = n >= 1'000'000'000;
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f%c", static_cast<double>(n) / (large ? 1e9 : 1e6),
                large ? 'B' : 'M');
  return text;
}

Json details(const ModelRegistry::Listed& model) {
  return {{"parent_model", ""},
          {"format", model.path.extension() == ".gguf" ? "gguf" : "safetensors"},
          {"family", model.info.architecture},
          {"families", {model.info.architecture}},
          {"parameter_size", parameter_size(model.info.parameters)},
          {"quantization_level", model.info.stored_as}};
}

Json model_object(const ModelRegistry::Listed& model) {
  return {{"name", model.name},
          {"model", model.name},
          {"modified_at", modified_at(model.path)},
          {"size", model.info.file_bytes},
          {"digest", ""},
          {"details", details(model)}};
}

void respond(Service& service, const ExchangePtr& exchange, const OllamaCall& call,
             OllamaShape shape, const std::string& name, const std::shared_ptr<ModelHost>& host) {
  Request request;
  if (call.messages.empty()) {
    const auto ids = tokens_of(host->model(), {call.prompt, std::nullopt}, SpecialText::kPlain);
    request = completion_request_for(*host, ids, call.sampling, call.sampling.max_tokens,
                                     NoRoom::kShorten);
  } else {
    request = chat_request_for(*host, {call.messages, call.sampling, call.think, call.form},
                               NoRoom::kShorten);
  }
  request.cache_group = exchange->cache_group;
  auto writer = std::make_unique<OllamaWriter>(call, shape, name, *host, exchange);
  std::vector<ReplyJob::Item> items;
  items.push_back({std::move(request), {}});
  std::make_shared<ReplyJob>(exchange, host, service.metrics, service.jobs, std::move(writer))
      ->start(std::move(items));
}

void serve(Service& service, const ExchangePtr& exchange, OllamaShape shape,
           OllamaCall (*read)(std::string_view)) {
  on_worker(service, exchange, kShape, [&service, exchange, shape, read] {
    const OllamaCall call = read(exchange->request.body);
    with_model(service, exchange, kShape, call.model,
               [&service, exchange, shape, call](const std::string& name,
                                                 const std::shared_ptr<ModelHost>& host) {
                 respond(service, exchange, call, shape, name, host);
               });
  });
}

}  // namespace

void post_ollama_chat(Service& service, const ExchangePtr& exchange) {
  serve(service, exchange, OllamaShape::kChat, read_ollama_chat);
}

void post_ollama_generate(Service& service, const ExchangePtr& exchange) {
  serve(service, exchange, OllamaShape::kGenerate, read_ollama_generate);
}

void get_ollama_tags(Service& service, const ExchangePtr& exchange) {
  Json models = Json::array();
  for (const auto& model : service.models.list()) models.push_back(model_object(model));
  exchange->respond({.body = to_text({{"models", std::move(models)}})});
}

void get_ollama_ps(Service& service, const ExchangePtr& exchange) {
  Json models = Json::array();
  for (const auto& model : service.models.list()) {
    if (model.host) models.push_back(model_object(model));
  }
  exchange->respond({.body = to_text({{"models", std::move(models)}})});
}

void post_ollama_show(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape, [&service, exchange] {
    const auto name = service.models.resolve(read_ollama_model(exchange->request.body));
    for (const auto& model : service.models.list()) {
      if (model.name != name) continue;
      const std::string head = model.info.architecture + ".";
      respond_json(exchange, {{"details", details(model)},
                              {"modified_at", modified_at(model.path)},
                              {"capabilities", {"completion"}},
                              {"model_info",
                               {{"general.architecture", model.info.architecture},
                                {"general.parameter_count", model.info.parameters},
                                {head + "context_length", model.info.context},
                                {head + "embedding_length", model.info.hidden},
                                {head + "block_count", model.info.n_layers}}}});
    }
  });
}

void get_ollama_version(Service& service, const ExchangePtr& exchange) {
  exchange->respond({.body = to_text({{"version", service.options.version}})});
}

}  // namespace heng::server
