#include "heng/machine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/cpu_info.h"
#include "base/thread_pool.h"
#include "kernels/select.h"

namespace heng {
namespace {

using Clock = std::chrono::steady_clock;

// The shortest of `repeats` runs of body(thread) on all threads, in seconds.
template <typename Body>
double best_seconds(ThreadPool& pool, int repeats, const Body& body) {
  double best = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const auto start = Clock::now();
    pool.run(body);
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

double read_bandwidth(ThreadPool& pool, const kernels::KernelTable& table) {
  constexpr size_t kMostBytes = size_t{1} << 30, kStep = 4096;
  const size_t bytes = std::min(kMostBytes, available_memory() / 4) / kStep * kStep;
  const AlignedBuffer buffer(bytes, "the measurement of bandwidth");
  pool.for_range(bytes, kStep, [&](size_t begin, size_t end) {
    std::memset(buffer.data() + begin, 1, end - begin);
  });
  std::vector<uint64_t> sinks(static_cast<size_t>(pool.size()) * 8);
  const double seconds = best_seconds(pool, 8, [&](int index) {
    const auto i = static_cast<size_t>(index);
    const Range part = split_range(bytes, kStep, i, static_cast<size_t>(pool.size()));
    sinks[i * 8] = table.read_all(buffer.data() + part.begin, part.end - part.begin);
  });
  return static_cast<double>(bytes) / seconds / 1e9;
}

double multiply_rate(ThreadPool& pool, double (*peak)(size_t)) {
  if (peak == nullptr) return 0;
  constexpr size_t kIterations = 6'000'000;
  const double operations = peak(1) * kIterations * pool.size();
  return operations / best_seconds(pool, 4, [&](int) { peak(kIterations); }) / 1e9;
}

}  // namespace

MachineLimits measure_machine(int threads) {
  const kernels::KernelTable& table = kernels::selected_level();
  ThreadPool pool(threads > 0 ? threads : usable_cpus());
  return {read_bandwidth(pool, table), multiply_rate(pool, table.peak_f32),
          multiply_rate(pool, table.peak_bf16), multiply_rate(pool, table.peak_int8)};
}

}  // namespace heng
