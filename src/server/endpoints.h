// The endpoints, each a function that answers an exchange sooner or later. Called on the I/O
// thread; all but the status endpoints do their work elsewhere.
#pragma once

#include "server/service.h"

namespace heng::server {

// endpoint_status.cpp: answered at once, whatever the models do.
void get_health(Service& service, const ExchangePtr& exchange);
void get_metrics(Service& service, const ExchangePtr& exchange);
void get_models(Service& service, const ExchangePtr& exchange);
void get_model(Service& service, const ExchangePtr& exchange);  // /v1/models/NAME

// endpoint_page.cpp: the web page and what it can choose from.
void get_page(Service& service, const ExchangePtr& exchange);  // / and /page/FILE
void get_page_models(Service& service, const ExchangePtr& exchange);

// endpoint_page_chat.cpp: a chat with a model, a provider or a column of a blind round.
void post_page_chat(Service& service, const ExchangePtr& exchange);

// endpoint_votes.cpp: blind rounds, votes on them, and the table that comes of these.
void post_round(Service& service, const ExchangePtr& exchange);
void post_vote(Service& service, const ExchangePtr& exchange);
void get_vote_table(Service& service, const ExchangePtr& exchange);

// endpoint_openai.cpp
void post_chat_completions(Service& service, const ExchangePtr& exchange);
void post_completions(Service& service, const ExchangePtr& exchange);
void post_embeddings(Service& service, const ExchangePtr& exchange);

// endpoint_tokens.cpp
void get_tokenizer_info(Service& service, const ExchangePtr& exchange);
void post_tokenize(Service& service, const ExchangePtr& exchange);
void post_detokenize(Service& service, const ExchangePtr& exchange);

// endpoint_ollama.cpp
void post_ollama_chat(Service& service, const ExchangePtr& exchange);
void post_ollama_generate(Service& service, const ExchangePtr& exchange);
void post_ollama_show(Service& service, const ExchangePtr& exchange);
void get_ollama_tags(Service& service, const ExchangePtr& exchange);
void get_ollama_ps(Service& service, const ExchangePtr& exchange);
void get_ollama_version(Service& service, const ExchangePtr& exchange);

}  // namespace heng::server
