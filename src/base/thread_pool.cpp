#include "base/thread_pool.h"

#include <chrono>

namespace heng {
namespace {

// Long enough for the serial work between two parallel parts of one token, short enough that an
// idle program leaves the processor to others.
constexpr auto kSpin = std::chrono::microseconds(100);

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits until `value` is no longer `old`: spins first, then sleeps.
void wait_while(std::atomic<uint32_t>& value, uint32_t old) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 1; value.load(std::memory_order_acquire) == old; ++i) {
    pause();
    if (i % 64 == 0 && std::chrono::steady_clock::now() - start > kSpin) {
      value.wait(old, std::memory_order_acquire);
    }
  }
}

}  // namespace

ThreadPool::ThreadPool(int n_threads)
    : stretches_(std::make_unique<Stretch[]>(static_cast<size_t>(n_threads))) {
  for (int i = 1; i < n_threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_raw(Raw body, const void* context) {
  if (!workers_.empty()) {
    body_ = body;
    context_ = context;
    pending_.store(static_cast<uint32_t>(workers_.size()), std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  body(context, 0);
  for (uint32_t left; (left = pending_.load(std::memory_order_acquire)) != 0;) {
    wait_while(pending_, left);
  }
}

void ThreadPool::work(int index) {
  uint32_t seen = 0;
  while (true) {
    wait_while(round_, seen);
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    body_(context_, index);
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
  }
}

}  // namespace heng
