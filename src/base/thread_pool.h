// A fixed team of threads that runs one function at a time. Pieces of work write outputs of their
// own and are cut by index, so results depend neither on timing nor on who took which. Between two
// calls the threads spin for some microseconds before they sleep: decoding makes hundreds of short
// calls a token. Owns its threads. run() and what stands on it are for one caller at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace heng {

struct Range {
  size_t begin, end;
};

// Part `index` of `parts` of [0, n), in multiples of `step`; the parts are contiguous and cover it.
inline Range split_range(size_t n, size_t step, size_t index, size_t parts) {
  const size_t units = (n + step - 1) / step;
  const size_t begin = units * index / parts * step;
  const size_t end = units * (index + 1) / parts * step;
  return {begin < n ? begin : n, end < n ? end : n};
}

class ThreadPool {
 public:
  // `n_threads` >= 1 counts the caller.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(index) once for each index in [0, size()), at the same time; returns when all are
  // done. `body` must not throw.
  template <typename Body>
  void run(const Body& body) {
    static_assert(std::is_invocable_v<const Body&, int>);
    run_raw([](const void* context, int index) { (*static_cast<const Body*>(context))(index); },
            &body);
  }

  // Calls body(begin, end) for the parts of [0, n) in multiples of `step`.
  template <typename Body>
  void for_range(size_t n, size_t step, const Body& body) {
    if (size() == 1 || n <= step) {
      if (n > 0) body(size_t{0}, n);
      return;
    }
    run([&](int index) {
      const Range part =
          split_range(n, step, static_cast<size_t>(index), static_cast<size_t>(size()));
      if (part.begin < part.end) body(part.begin, part.end);
    });
  }

  // Calls body(index, piece) once for each piece of [0, n) on the thread `index`. Each thread has a
  // stretch of its own, which it takes in order; who is done helps the others with theirs: on a
  // shared machine threads are not equally fast.
  template <typename Body>
  void for_pieces(size_t n, const Body& body) {
    const auto parts = static_cast<size_t>(size());
    for (size_t i = 0; i < parts; ++i) {
      const Range part = split_range(n, 1, i, parts);
      stretches_[i].next.store(part.begin, std::memory_order_relaxed);
      stretches_[i].end = part.end;
    }
    run([&](int index) {
      for (size_t i = 0; i < parts; ++i) {
        Stretch& stretch = stretches_[(static_cast<size_t>(index) + i) % parts];
        for (size_t piece;
             (piece = stretch.next.fetch_add(1, std::memory_order_relaxed)) < stretch.end;) {
          body(static_cast<size_t>(index), piece);
        }
      }
    });
  }

 private:
  struct alignas(64) Stretch {
    std::atomic<size_t> next{0};
    size_t end = 0;
  };

  using Raw = void (*)(const void*, int);
  void run_raw(Raw body, const void* context);
  void work(int index);

  std::vector<std::thread> workers_;
  std::unique_ptr<Stretch[]> stretches_;  // one a thread
  Raw body_ = nullptr;
  const void* context_ = nullptr;
  alignas(64) std::atomic<uint32_t> round_{0};    // one more for each run
  alignas(64) std::atomic<uint32_t> pending_{0};  // workers still in this round
  std::atomic<bool> stop_{false};
};

}  // namespace heng
