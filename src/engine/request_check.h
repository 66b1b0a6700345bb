// Whether a request can be carried out at all: asked before anything is kept or computed for it.
// Pure functions, safe from many threads.
#pragma once

#include <cstddef>
#include <span>

#include "engine/loaded_model.h"
#include "heng/engine.h"

namespace heng::engine {

// Throws Error kInvalidArgument naming the first id that the model does not have.
void check_ids(std::span<const TokenId> ids, const LoadedModel& model);

// Throws Error kInvalidArgument with the figures where that many tokens exceed the context or
// `kv_tokens`, what all the KV memory holds.
void check_room(size_t prompt, size_t reply, const LoadedModel& model, size_t kv_tokens);

// Of a request: all that Engine::submit promises to refuse, but for a full queue.
void check_request(const Request& request, const LoadedModel& model, size_t kv_tokens);

// The prompt's first token whose log-probability is wanted; the prompt's length where none is.
size_t first_scored(const Request& request);

// Replies of a model without a tokenizer are ids alone; a stop text cannot be found in them: throws
// Error kUnsupported.
const Tokenizer& tokenizer_for(const GenerationConfig& config, const LoadedModel& model);

}  // namespace heng::engine
