// From a typed call and a loaded model to a job that answers. Called on a worker thread.
#pragma once

#include <memory>
#include <vector>

#include "server/chat_writer.h"
#include "server/service.h"

namespace heng::server {

// Throws as ReplyJob::start.
void start_replies(Service& service, const ExchangePtr& exchange, std::shared_ptr<ModelHost> host,
                   std::vector<ReplyJob::Item> items, std::unique_ptr<ReplyWriter> writer);

// One of several replies to a prompt: with a seed they still differ, each the same every time.
Request numbered(Request request, size_t i);

// Throws ApiError, Error.
void answer_chat(Service& service, const ExchangePtr& exchange, const ChatCall& call,
                 const ReplyLabel& label, const std::shared_ptr<ModelHost>& host);

}  // namespace heng::server
