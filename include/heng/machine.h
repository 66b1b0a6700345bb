// This machine's limits, measured: what bounds generation (reading weights) and prompts
// (multiplying).
#pragma once

namespace heng {

struct MachineLimits {
  double read_gbps = 0;    // memory read bandwidth, 1e9 bytes a second: the best of several passes
  double fp32_gflops = 0;  // multiply-adds out of registers, two operations each
  double bf16_gflops = 0;  // 0: this processor does not multiply bf16
  double int8_gops = 0;
};

// Takes about two seconds and 1 GiB of memory (less where less is free). Throws Error as
// HENG_FORCE_ISA asks for.
MachineLimits measure_machine(int threads);

}  // namespace heng
