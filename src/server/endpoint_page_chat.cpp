// POST /heng/chat: OpenAI's chat, streaming, with whatever the page can show: a model of this
// server, a provider, or a column of a blind round, whose name the answer keeps to itself.
#include "server/chat_reply.h"
#include "server/endpoints.h"

namespace heng::server {
namespace {

constexpr auto kShape = ErrorShape::kOpenAi;

void check(const ChatCall& call) {
  if (!call.streaming.stream) {
    throw ApiError(400, "stream: only streams are sent here; /v1/chat/completions has the rest.",
                   "stream", "unsupported_value");
  }
}

}  // namespace

void post_page_chat(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape, [&service, exchange] {
    auto call = std::make_shared<ChatCall>(read_chat_call(exchange->request.body));
    check(*call);
    ReplyLabel label{call->model, false};
    if (const auto model = service.rounds.ask(call->model)) {
      call->model = *model;
      label.is_hidden = true;
    }
    const auto provider = service.providers.find(call->model);
    if (provider != service.providers.end()) {
      return service.remote->start(exchange, provider->second, *call, label);
    }
    with_model(service, exchange, kShape, call->model,
               [&service, exchange, call, label](const std::string& name,
                                                 const std::shared_ptr<ModelHost>& host) {
                 answer_chat(service, exchange, *call,
                             label.is_hidden ? label : ReplyLabel{name, false}, host);
               });
  });
}

}  // namespace heng::server
