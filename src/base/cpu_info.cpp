#include "base/cpu_info.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

namespace heng {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// "Key:   value kB" of /proc/meminfo, in bytes; 0 where absent.
uint64_t meminfo(const std::string& key) {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key + ":", 0) == 0) return std::stoull(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

// Folders of this process's cgroup v2, innermost first: each may set a limit of its own.
std::string cgroup_folder() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("0::", 0) == 0) return "/sys/fs/cgroup" + line.substr(3);
  }
  return "/sys/fs/cgroup";
}

template <typename Visit>
void for_each_cgroup(const Visit& visit) {
  std::string folder = cgroup_folder();
  while (folder.size() >= std::string("/sys/fs/cgroup").size()) {
    visit(folder);
    folder.resize(folder.find_last_of('/'));
  }
}

uint64_t number_in(const std::string& path, uint64_t otherwise) {
  const std::string line = first_line(path);
  if (line.empty() || line.find_first_not_of("0123456789") != std::string::npos) return otherwise;
  try {
    return std::stoull(line);
  } catch (const std::exception&) {
    return otherwise;
  }
}

// The value of `key` in a file of "key value" lines, as memory.stat.
uint64_t stat_value(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  std::string name;
  uint64_t value = 0;
  while (in >> name >> value) {
    if (name == key) return value;
  }
  return 0;
}

#if defined(__x86_64__)
// CPUID leaf 1, ECX bit 29; clang 14's __builtin_cpu_supports does not know the name.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 29));
}
#endif

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

uint64_t left_in(uint64_t limit, uint64_t used, uint64_t cache) {
  if (limit >= kNoLimit / 2) return kNoLimit;
  const uint64_t taken = used > cache ? used - cache : 0;
  return limit > taken ? limit - taken : 0;
}

uint64_t cgroup_memory_left() {
  uint64_t left = kNoLimit;
  for_each_cgroup([&](const std::string& folder) {
    left = std::min(left, left_in(number_in(folder + "/memory.max", kNoLimit),
                                  number_in(folder + "/memory.current", 0),
                                  stat_value(folder + "/memory.stat", "file")));
  });
  const std::string v1 = "/sys/fs/cgroup/memory/memory.";
  return std::min(
      left, left_in(number_in(v1 + "limit_in_bytes", kNoLimit), number_in(v1 + "usage_in_bytes", 0),
                    stat_value(v1 + "stat", "total_cache")));
}

int cgroup_cpus() {
  double cpus = std::numeric_limits<int>::max();
  for_each_cgroup([&](const std::string& folder) {
    std::istringstream in(first_line(folder + "/cpu.max"));
    double quota = 0, period = 0;
    if (in >> quota >> period && quota > 0 && period > 0) cpus = std::min(cpus, quota / period);
  });
  return static_cast<int>(std::max(1.0, std::ceil(cpus)));
}

}  // namespace

CpuFeatures cpu_features() {
  CpuFeatures f;
#if defined(__x86_64__)
  __builtin_cpu_init();  // looks at XCR0 too: a feature the system does not save counts as absent
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512cd");
  f.avx512_vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
  f.avx512_bf16 = f.avx512_vnni && __builtin_cpu_supports("avx512bf16");
#endif
  return f;
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "";
}

int usable_cpus() {
  cpu_set_t set;
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = CPU_COUNT(&set);
  return std::max(1, std::min(cpus, cgroup_cpus()));
}

uint64_t available_memory() {
  return std::min(meminfo("MemAvailable"), cgroup_memory_left());
}

}  // namespace heng
