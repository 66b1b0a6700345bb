#include "server/chat_reply.h"

#include "server/prompts.h"

namespace heng::server {

void start_replies(Service& service, const ExchangePtr& exchange, std::shared_ptr<ModelHost> host,
                   std::vector<ReplyJob::Item> items, std::unique_ptr<ReplyWriter> writer) {
  for (auto& item : items) {
    if (item.request) item.request->cache_group = exchange->cache_group;
  }
  std::make_shared<ReplyJob>(exchange, std::move(host), service.metrics, service.jobs,
                             std::move(writer))
      ->start(std::move(items));
}

Request numbered(Request request, size_t i) {
  if (request.generation.seed) *request.generation.seed += i;
  return request;
}

void answer_chat(Service& service, const ExchangePtr& exchange, const ChatCall& call,
                 const ReplyLabel& label, const std::shared_ptr<ModelHost>& host) {
  Request request = chat_request_for(*host, {call.messages, call.sampling, call.think, call.form},
                                     NoRoom::kRefuse);
  request.n_logprobs = call.logprobs;
  std::vector<ReplyJob::Item> items;
  for (size_t i = 0; i < call.n; ++i) items.push_back({numbered(request, i), {}});
  auto writer = std::make_unique<ChatWriter>(call, label, *host, exchange);
  start_replies(service, exchange, host, std::move(items), std::move(writer));
}

}  // namespace heng::server
