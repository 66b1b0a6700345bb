// Figures of the server since its start, in Prometheus' text form. Safe to use from many threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "heng/engine.h"

namespace heng::server {

// Counts by upper bounds, in seconds.
class Histogram {
 public:
  static constexpr std::array<double, 17> kBounds = {
      0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500};

  void observe(double seconds);
  // Appends _bucket, _sum and _count lines of `name`.
  void write(std::string& out, std::string_view name) const;

 private:
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<uint64_t> sum_microseconds_ = 0;
};

struct Metrics {
  Histogram first_token, between_tokens, whole, queue;
  std::atomic<uint64_t> connections = 0, streams = 0;  // at the moment
  std::atomic<uint64_t> refused_connections = 0;

  void count_answer(int status);
  // Of the engines by model's name. The text of GET /metrics.
  std::string text(const std::vector<std::pair<std::string, EngineStats>>& engines) const;

 private:
  mutable std::mutex mutex_;
  std::map<int, uint64_t> answers_;  // by status
};

}  // namespace heng::server
