// GET /tokenizer_info, POST /tokenize and /detokenize, as lm-eval's remote tokenizer asks for them
// (and vLLM and llama-server answer).
#include "server/endpoints.h"
#include "server/prompts.h"

namespace heng::server {
namespace {

constexpr auto kShape = ErrorShape::kOpenAi;

Json token_or_null(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  return id ? Json(token_name(tokenizer, *id)) : Json();
}

Json tokenizer_info(ModelHost& host) {
  const Model& model = host.model();
  const Tokenizer& tokenizer = model.tokenizer();
  // Where no token is named as the end of a text, one that ends replies is.
  std::optional<TokenId> eos = tokenizer.eos_id();
  const auto& ends = model.generation_config().eos_ids;
  if (!eos && !ends.empty()) eos = ends.front();
  return {{"tokenizer_class", tokenizer.description()},
          {"vocab_size", tokenizer.size()},
          {"max_model_len", model.info().context},
          {"bos_token", token_or_null(tokenizer, tokenizer.bos_id())},
          {"eos_token", token_or_null(tokenizer, eos)},
          {"pad_token", token_or_null(tokenizer, eos)},
          {"chat_template", host.chat_template().empty() ? Json() : Json(host.chat_template())}};
}

std::vector<TokenId> tokenize(const TokenizeCall& call, const ModelHost& host) {
  const Model& model = host.model();
  if (!call.messages.empty()) {
    return host.chat_format()->build(model.tokenizer(), call.messages).ids;
  }
  if (call.add_special_tokens) return tokens_of(model, {call.text, std::nullopt}, call.special);
  return model.tokenizer().encode(call.text, call.special);
}

// "model" of a query: "model=name&...", with %XX and + decoded.
std::string model_of_query(std::string_view query) {
  constexpr std::string_view kKey = "model=";
  while (!query.empty() && !query.starts_with(kKey)) {
    const size_t next = query.find('&');
    query.remove_prefix(next == std::string_view::npos ? query.size() : next + 1);
  }
  if (query.empty()) return "";
  query = query.substr(kKey.size(), query.find('&') - kKey.size());
  std::string name;
  for (size_t i = 0; i < query.size(); ++i) {
    if (query[i] == '%' && i + 2 < query.size()) {
      name +=
          static_cast<char>(std::strtol(std::string(query.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      name += query[i] == '+' ? ' ' : query[i];
    }
  }
  return name;
}

}  // namespace

void get_tokenizer_info(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape, [&service, exchange] {
    with_model(service, exchange, kShape, model_of_query(exchange->request.query),
               [exchange](const std::string&, const std::shared_ptr<ModelHost>& host) {
                 respond_json(exchange, tokenizer_info(*host));
               });
  });
}

void post_tokenize(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape, [&service, exchange] {
    const auto call = read_tokenize_call(exchange->request.body);
    with_model(service, exchange, kShape, call.model,
               [exchange, call](const std::string&, const std::shared_ptr<ModelHost>& host) {
                 const auto ids = tokenize(call, *host);
                 respond_json(exchange, {{"tokens", ids},
                                         {"count", ids.size()},
                                         {"max_model_len", host->model().info().context}});
               });
  });
}

void post_detokenize(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape, [&service, exchange] {
    const auto call = read_detokenize_call(exchange->request.body);
    with_model(service, exchange, kShape, call.model,
               [exchange, call](const std::string&, const std::shared_ptr<ModelHost>& host) {
                 const std::string text = host->model().tokenizer().decode(call.ids);
                 respond_json(exchange, {{"prompt", text}, {"content", text}});
               });
  });
}

}  // namespace heng::server
