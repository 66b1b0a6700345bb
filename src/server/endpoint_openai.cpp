// POST /v1/chat/completions, /v1/completions, /v1/embeddings: request -> typed call -> job.
#include "base/message.h"
#include "server/chat_reply.h"
#include "server/completion_writer.h"
#include "server/embedding_writer.h"
#include "server/endpoints.h"
#include "server/prompts.h"

namespace heng::server {
namespace {

constexpr auto kShape = ErrorShape::kOpenAi;
constexpr int64_t kCompletionTokens = 16;  // OpenAI's default for completions

using Items = std::vector<ReplyJob::Item>;

void chat(Service& service, const ExchangePtr& exchange, const ChatCall& call,
          const std::string& name, const std::shared_ptr<ModelHost>& host) {
  answer_chat(service, exchange, call, {name, false}, host);
}

// max_tokens 0: the prompt's log-probabilities alone, or not even these.
ReplyJob::Item echo_item(const CompletionCall& call, Request request) {
  ReplyJob::Item item;
  item.completion.prompt_tokens = request.prompt.size();
  item.completion.finish = FinishReason::kLength;
  if (!call.logprobs || request.prompt.size() < 2) return item;
  request.task = Task::kScore;
  request.generation.max_new_tokens = 1;  // of which a score makes none
  item.request = std::move(request);
  return item;
}

void complete(Service& service, const ExchangePtr& exchange, const CompletionCall& call,
              const std::string& name, const std::shared_ptr<ModelHost>& host) {
  Items items;
  std::vector<std::vector<TokenId>> prompts;
  const int64_t max_tokens = call.sampling.max_tokens.value_or(kCompletionTokens);
  for (const TextOrIds& text : call.prompts) {
    const auto ids = tokens_of(host->model(), text, call.special);
    Request request =
        completion_request_for(*host, ids, call.sampling, max_tokens, NoRoom::kRefuse);
    request.n_logprobs = call.logprobs;
    if (call.echo && call.logprobs) request.echo_from = 0;
    for (size_t i = 0; i < call.n; ++i) {
      prompts.push_back(ids);
      if (max_tokens == 0) {
        items.push_back(echo_item(call, request));
      } else {
        items.push_back({numbered(request, i), {}});
      }
    }
  }
  auto writer = std::make_unique<CompletionWriter>(call, std::move(prompts), name,
                                                   host->shared_model(), exchange);
  start_replies(service, exchange, host, std::move(items), std::move(writer));
}

void embed(Service& service, const ExchangePtr& exchange, const EmbeddingCall& call,
           const std::string& name, const std::shared_ptr<ModelHost>& host) {
  const auto hidden = static_cast<size_t>(host->model().info().hidden);
  if (call.dimensions && *call.dimensions != hidden) {
    throw ApiError(400, "dimensions: this model's embeddings have " + with_commas(hidden) + ".",
                   "dimensions", "invalid_value");
  }
  Items items;
  for (const TextOrIds& text : call.inputs) {
    Request request;
    request.task = Task::kEmbed;
    request.prompt = tokens_of(host->model(), text, SpecialText::kPlain);
    reply_tokens(request.prompt.size(), 0, host->most_tokens(), "input");
    items.push_back({std::move(request), {}});
  }
  auto writer = std::make_unique<EmbeddingWriter>(items.size(), call.base64, name, exchange);
  start_replies(service, exchange, host, std::move(items), std::move(writer));
}

// Reads the body as a `Call` and runs `body` with its model.
template <typename Call, typename Body>
void serve(Service& service, const ExchangePtr& exchange, Call (*read)(std::string_view),
           Body body) {
  on_worker(service, exchange, kShape, [&service, exchange, read, body] {
    const auto call = std::make_shared<const Call>(read(exchange->request.body));
    with_model(
        service, exchange, kShape, call->model,
        [&service, exchange, call, body](const std::string& name, std::shared_ptr<ModelHost> host) {
          body(service, exchange, *call, name, host);
        });
  });
}

}  // namespace

void post_chat_completions(Service& service, const ExchangePtr& exchange) {
  serve(service, exchange, read_chat_call, chat);
}

void post_completions(Service& service, const ExchangePtr& exchange) {
  serve(service, exchange, read_completion_call, complete);
}

void post_embeddings(Service& service, const ExchangePtr& exchange) {
  serve(service, exchange, read_embedding_call, embed);
}

}  // namespace heng::server
