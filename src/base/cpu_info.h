// What this processor can do and what this process may use of the machine. Pure queries.
#pragma once

#include <cstdint>
#include <string>

namespace heng {

// Instruction sets that both the processor and the operating system support.
struct CpuFeatures {
  bool avx2 = false;    // with fma and f16c
  bool avx512 = false;  // f, bw, vl, dq, cd
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
};
CpuFeatures cpu_features();

// "AMD EPYC 9654 ..." as the system names it; empty where unknown.
std::string cpu_name();

// Processors this process may run on: affinity mask and cgroup quota counted. At least 1.
int usable_cpus();

// Bytes that can still be taken without swapping: the system's available memory, or what the
// cgroup's limit leaves where that is less (page cache counts as free in both).
uint64_t available_memory();

}  // namespace heng
