#include "server/sampling.h"

#include <charconv>
#include <limits>

#include "base/message.h"

namespace heng::server {
namespace {

constexpr int64_t kMostTokens = 1 << 30;
constexpr size_t kMostStops = 64, kMostStopBytes = 1024, kMostBiases = 1024;

std::vector<std::string> read_stops(const Fields& fields) {
  auto stops = fields.strings("stop", kMostStops);
  for (const std::string& stop : stops) {
    if (stop.empty()) fields.fail("stop", "an empty string would end every reply");
    if (stop.size() > kMostStopBytes) {
      fields.fail("stop", "a string of " + std::to_string(stop.size()) +
                              " bytes, expected at most " + std::to_string(kMostStopBytes));
    }
  }
  return stops;
}

std::map<TokenId, float> read_biases(const Fields& fields) {
  std::map<TokenId, float> biases;
  const auto object = fields.object("logit_bias");
  if (!object) return biases;
  const Json& members = *fields.find("logit_bias");
  if (members.size() > kMostBiases) {
    fields.fail("logit_bias", std::to_string(members.size()) + " tokens, expected at most " +
                                  std::to_string(kMostBiases));
  }
  for (const auto& [key, value] : members.items()) {
    TokenId id = 0;
    const char* end = key.data() + key.size();
    const auto read = std::from_chars(key.data(), end, id);
    if (read.ec != std::errc() || read.ptr != end || id < 0) {
      fields.fail("logit_bias", "\"" + printable(key) + "\" is no token id");
    }
    biases[id] = static_cast<float>(object->number(key, -100, 100).value_or(0));
  }
  return biases;
}

// What both APIs call the same, but for the name of the repetition penalty.
Sampling read_shared(const Fields& fields, const char* repetition_penalty) {
  Sampling s;
  s.temperature = fields.number("temperature", 0, 100);
  s.top_p = fields.number("top_p", 0, 1);
  s.top_k = fields.integer("top_k", -1, std::numeric_limits<int32_t>::max());
  s.repetition_penalty = fields.number(repetition_penalty, 0.01, 100);
  s.presence_penalty = fields.number("presence_penalty", -2, 2);
  s.frequency_penalty = fields.number("frequency_penalty", -2, 2);
  s.seed = fields.integer("seed", INT64_MIN, INT64_MAX);
  return s;
}

}  // namespace

Sampling read_sampling(const Fields& fields) {
  Sampling s = read_shared(fields, "repetition_penalty");
  s.max_tokens = fields.integer("max_tokens", 0, kMostTokens);
  if (const auto newer = fields.integer("max_completion_tokens", 0, kMostTokens)) {
    s.max_tokens = newer;
  }
  s.min_tokens = fields.integer("min_tokens", 0, kMostTokens);
  s.ignore_eos = fields.boolean("ignore_eos");
  s.speculate = fields.integer("speculate", 0, 16);
  s.stop = read_stops(fields);
  s.logit_bias = read_biases(fields);
  return s;
}

Sampling read_ollama_options(const Fields& fields) {
  Sampling s = read_shared(fields, "repeat_penalty");
  s.max_tokens = fields.integer("num_predict", -2, kMostTokens);
  if (s.max_tokens && *s.max_tokens < 0)
    s.max_tokens.reset();  // -1, -2: what the context has room for
  s.stop = read_stops(fields);
  return s;
}

void Sampling::apply_to(GenerationConfig& config) const {
  if (temperature || top_p || top_k) config.do_sample = true;
  if (temperature && *temperature > 0) config.temperature = *temperature;
  if (temperature && *temperature == 0) {
    config.do_sample = false;
    config.repetition_penalty = 1.0;
  }
  // 0 would keep nothing; the smallest set there is holds one token.
  if (top_p) config.top_p = std::max(*top_p, 1e-6);
  if (top_k) config.top_k = std::max<int64_t>(*top_k, 0);
  if (repetition_penalty) config.repetition_penalty = *repetition_penalty;
  if (presence_penalty) config.presence_penalty = *presence_penalty;
  if (frequency_penalty) config.frequency_penalty = *frequency_penalty;
  if (seed) config.seed = static_cast<uint64_t>(*seed);
  if (speculate) config.speculate = *speculate;
  if (min_tokens) config.min_new_tokens = *min_tokens;
  if (ignore_eos) config.ignore_eos = *ignore_eos;
  for (const auto& [id, bias] : logit_bias) config.logit_bias[id] = bias;
  config.stop.insert(config.stop.end(), stop.begin(), stop.end());
  // The lengths of generation_config.json are of upstream's chat; here the request says.
  config.max_length.reset();
  config.min_length.reset();
  try {
    config.check();
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "", "invalid_value");
  }
}

}  // namespace heng::server
