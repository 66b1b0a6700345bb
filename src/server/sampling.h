// How a reply is asked to be drawn: the fields of OpenAI's and ollama's requests that become
// settings of a GenerationConfig. Plain data and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "heng/generation.h"
#include "server/fields.h"

namespace heng::server {

struct Sampling {
  std::optional<double> temperature, top_p;
  std::optional<double> repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int64_t> top_k, max_tokens, min_tokens, seed, speculate;
  std::optional<bool> ignore_eos;
  std::vector<std::string> stop;
  std::map<TokenId, float> logit_bias;

  // Over the model's own settings, except max_tokens. temperature, top_p and top_k mean sampling;
  // temperature 0 means the best token each time, without the model's own penalty unless one is
  // asked for. The result has passed GenerationConfig::check. Throws ApiError.
  void apply_to(GenerationConfig& config) const;
};

// OpenAI's fields, and those that other servers add to them. Throws ApiError.
Sampling read_sampling(const Fields& fields);

// ollama's "options".
Sampling read_ollama_options(const Fields& fields);

}  // namespace heng::server
