// What heng bench measures: tokens a second over prompt lengths and over sequences decoded
// together, and what each rate takes of the machine.
#pragma once

#include <optional>
#include <vector>

#include "commands/options.h"
#include "heng/machine.h"
#include "heng/model.h"

namespace heng::commands {

struct BenchOptions {
  ModelOptions model;
  std::vector<size_t> prompts = {512};  // lengths
  std::vector<size_t> batches = {1};    // sequences together
  size_t generate = 64;                 // tokens of each
  int repeat = 3;
  bool no_machine = false;
};

struct Speed {
  double mean = 0;    // tokens a second
  double spread = 0;  // standard deviation of the runs
};

// One length or batch size.
struct BenchRow {
  size_t n = 0;
  Speed speed;
  double rate = 0;   // 1e9 operations a second of a prompt; 1e9 bytes a second of a generation
  double share = 0;  // of the machine's peak or bandwidth; 0: not measured
};

struct BenchResult {
  ModelInfo info;
  std::optional<MachineLimits> limits;
  double peak_gops = 0;  // what the model's kernels could reach; 0: not measured
  std::vector<BenchRow> prompts, generations;
};

// Loads the model and runs. Throws Error; kCancelled after Ctrl-C.
BenchResult measure_bench(const BenchOptions& options, Announce announce);

// Writes a picture of the result as SVG: speeds over length and batch, beside the machine's limits.
// Throws Error kNotFound where the file cannot be written.
void plot_bench(const BenchResult& result, const std::string& file);

}  // namespace heng::commands
