#include "server/metrics.h"

#include <algorithm>
#include <cstdio>

namespace heng::server {
namespace {

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", x);
  return text;
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += "# HELP ";
  out += name;
  out += ' ';
  out += help;
  out += "\n# TYPE ";
  out += name;
  out += ' ';
  out += type;
  out += '\n';
}

// A label's value: backslash, quote and line end are escaped.
std::string label(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out;
}

struct EngineFigure {
  const char *name, *type, *help;
  uint64_t (*get)(const EngineStats& stats);
};

constexpr EngineFigure kFigures[] = {
    {"heng:requests_waiting", "gauge", "Requests that wait to begin.",
     [](const EngineStats& s) { return static_cast<uint64_t>(s.queued); }},
    {"heng:requests_running", "gauge", "Requests in the batch.",
     [](const EngineStats& s) { return static_cast<uint64_t>(s.running); }},
    {"heng:kv_blocks", "gauge", "Blocks of KV memory, 64 tokens each.",
     [](const EngineStats& s) { return static_cast<uint64_t>(s.kv_blocks); }},
    {"heng:kv_blocks_free", "gauge", "KV blocks that hold nothing.",
     [](const EngineStats& s) { return static_cast<uint64_t>(s.free_blocks); }},
    {"heng:kv_blocks_cached", "gauge", "KV blocks kept for prompts to come.",
     [](const EngineStats& s) { return static_cast<uint64_t>(s.cached_blocks); }},
    {"heng:kv_blocks_used", "gauge", "KV blocks of running requests.",
     [](const EngineStats& s) {
       return static_cast<uint64_t>(s.kv_blocks - s.free_blocks - s.cached_blocks);
     }},
    {"heng:steps_total", "counter", "Batches put through the model.",
     [](const EngineStats& s) { return s.steps; }},
    {"heng:prompt_tokens_total", "counter", "Prompt tokens computed.",
     [](const EngineStats& s) { return s.prompt_tokens; }},
    {"heng:prompt_tokens_cached_total", "counter", "Prompt tokens found in the cache.",
     [](const EngineStats& s) { return s.reused_tokens; }},
    {"heng:tokens_predicted_total", "counter", "Tokens generated.",
     [](const EngineStats& s) { return s.generated_tokens; }},
    {"heng:requests_completed_total", "counter", "Requests that ran to their end.",
     [](const EngineStats& s) { return s.completed; }},
    {"heng:requests_failed_total", "counter", "Requests that ended with an error.",
     [](const EngineStats& s) { return s.failed; }},
    {"heng:requests_cancelled_total", "counter", "Requests that were cancelled.",
     [](const EngineStats& s) { return s.cancelled; }},
    {"heng:guessed_tokens_total", "counter", "Tokens that were guessed ahead (speculate).",
     [](const EngineStats& s) { return s.guessed_tokens; }},
    {"heng:kept_guesses_total", "counter", "Guesses that came out.",
     [](const EngineStats& s) { return s.kept_guesses; }},
    {"heng:preemptions_total", "counter", "Requests that gave up their KV memory to begin again.",
     [](const EngineStats& s) { return s.preemptions; }},
    {"heng:kv_blocks_evicted_total", "counter", "Cached KV blocks that were given up.",
     [](const EngineStats& s) { return s.evicted_blocks; }},
};

}  // namespace

void Histogram::observe(double seconds) {
  const auto at = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  ++counts_[static_cast<size_t>(at)];
  sum_microseconds_ += static_cast<uint64_t>(std::max(seconds, 0.0) * 1e6);
}

void Histogram::write(std::string& out, std::string_view name) const {
  uint64_t below = 0;
  const std::string base(name);
  for (size_t i = 0; i <= kBounds.size(); ++i) {
    below += counts_[i];
    const std::string bound = i < kBounds.size() ? number(kBounds[i]) : "+Inf";
    out += base + "_bucket{le=\"" + bound + "\"} " + std::to_string(below) + "\n";
  }
  out += base + "_sum " + number(static_cast<double>(sum_microseconds_) * 1e-6) + "\n";
  out += base + "_count " + std::to_string(below) + "\n";
}

void Metrics::count_answer(int status) {
  const std::lock_guard lock(mutex_);
  ++answers_[status];
}

std::string Metrics::text(const std::vector<std::pair<std::string, EngineStats>>& engines) const {
  std::string out;
  for (const EngineFigure& figure : kFigures) {
    head(out, figure.name, figure.type, figure.help);
    for (const auto& [model, stats] : engines) {
      out += std::string(figure.name) + "{model=\"" + label(model) + "\"} " +
             std::to_string(figure.get(stats)) + "\n";
    }
  }
  const auto gauge = [&](const char* name, uint64_t value, const char* help) {
    head(out, name, "gauge", help);
    out += std::string(name) + " " + std::to_string(value) + "\n";
  };
  gauge("heng:connections", connections, "Open connections.");
  gauge("heng:streams", streams, "Replies under way.");
  head(out, "heng:connections_refused_total", "counter", "Connections over the limit.");
  out += "heng:connections_refused_total " + std::to_string(refused_connections) + "\n";
  head(out, "heng:answers_total", "counter", "Answers by HTTP status.");
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [status, count] : answers_) {
      out += "heng:answers_total{status=\"" + std::to_string(status) + "\"} " +
             std::to_string(count) + "\n";
    }
  }
  const auto histogram = [&](const char* name, const Histogram& of, const char* help) {
    head(out, name, "histogram", help);
    of.write(out, name);
  };
  histogram("heng:time_to_first_token_seconds", first_token,
            "From the request to its first token.");
  histogram("heng:inter_token_seconds", between_tokens, "Between two tokens of a reply.");
  histogram("heng:request_seconds", whole, "From the request to the end of its reply.");
  histogram("heng:queue_seconds", queue, "From the request until its prompt began.");
  return out;
}

}  // namespace heng::server
