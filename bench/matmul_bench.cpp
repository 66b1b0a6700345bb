// Matrix products of one thread, by level, format and shape: operations a second for prompts, bytes
// of weights a second for one token. Beside them the machine's own limits (peak_*), so that shares
// can be read off one run.
//   build/bench/heng_matmul_bench --benchmark_filter=avx512
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "formats/format.h"
#include "kernels/int_panels.h"
#include "kernels/select.h"
#include "ops/int_activations.h"

namespace heng {
namespace {

struct Shape {
  size_t rows, k, n_tokens;
};

std::vector<float> some_floats(size_t n) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> out(n);
  for (float& x : out) x = normal(generator);
  return out;
}

std::vector<std::byte> some_weights(const formats::WeightFormat& f, const Shape& s) {
  std::vector<std::byte> bytes(s.rows * s.k / f.block_length * f.block_bytes);
  const auto values = some_floats(s.rows * s.k);
  f.encode_row(values.data(), bytes.data(), values.size());
  return bytes;
}

void report(benchmark::State& state, const Shape& s, size_t weight_bytes) {
  const auto runs = static_cast<double>(state.iterations());
  state.counters["Gop/s"] = benchmark::Counter(
      2e-9 * static_cast<double>(s.rows * s.k * s.n_tokens) * runs, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * static_cast<double>(weight_bytes) * runs,
                                              benchmark::Counter::kIsRate);
}

void integer(benchmark::State& state, const kernels::KernelTable& table, DType dtype, Shape s,
             kernels::ActivationBits bits) {
  const formats::WeightFormat& f = *formats::find_format(dtype);
  Arena memory;
  kernels::PackedMatrix packed(f, s.rows, s.k,
                               memory.take(kernels::packed_bytes(f, s.rows, s.k), "weights"));
  packed.pack(some_weights(f, s).data(), 0, packed.n_panels());
  const auto x = some_floats(s.n_tokens * s.k);
  std::vector<float> out(s.n_tokens * s.rows);
  ops::IntActivationBuffer acts(bits);
  for (auto _ : state) {
    acts.resize(s.n_tokens, s.k);
    table.quantize(x.data(), acts.view(), 0, s.n_tokens);
    acts.prepare_zero(packed.panels());
    table.matmul_int(packed.panels(), acts.view_for(packed.panels()),
                     {out.data(), s.rows, nullptr, kernels::Store::kSet}, s.rows, 0,
                     packed.n_panels());
    benchmark::DoNotOptimize(out.data());
  }
  report(state, s, packed.bytes());
}

void plain(benchmark::State& state, const kernels::KernelTable& table, DType dtype, Shape s) {
  const formats::WeightFormat& f = *formats::find_format(dtype);
  const auto weights = some_weights(f, s);
  const auto x = some_floats(s.n_tokens * s.k);
  std::vector<float> packed(s.n_tokens * (s.k + kernels::kPlainStep));
  std::vector<float> out(s.n_tokens * s.rows);
  const AlignedBuffer room(kernels::kPlainRoomRows * (s.k + kernels::kPlainStep) * sizeof(float),
                           "bench");
  const kernels::PlainMatmul m{
      weights.data(),  s.rows,     s.k,
      packed.data(),   s.n_tokens, {out.data(), s.rows, nullptr, kernels::Store::kSet},
      room.as<float>()};
  const bool bf16 = dtype == DType::kBF16 && table.bf16_activations;
  const auto pack = bf16 ? table.pack_bf16 : table.pack_f32;
  const auto product = dtype == DType::kF32   ? table.matmul_f32
                       : dtype == DType::kF16 ? table.matmul_f16
                                              : table.matmul_bf16;
  for (auto _ : state) {
    pack(x.data(), s.n_tokens, s.k, packed.data(), 0, s.n_tokens);
    product(m, 0, s.rows);
    benchmark::DoNotOptimize(out.data());
  }
  report(state, s, weights.size());
}

void peak(benchmark::State& state, double (*run)(size_t)) {
  double operations = 0;
  for (auto _ : state) operations += run(100000);
  state.counters["Gop/s"] = benchmark::Counter(1e-9 * operations, benchmark::Counter::kIsRate);
}

bool register_all() {
  for (const kernels::KernelTable* table : kernels::supported_levels()) {
    const std::string level = table->level;
    const auto add_peak = [&](const char* name, double (*run)(size_t)) {
      if (run == nullptr) return;
      benchmark::RegisterBenchmark((level + "/" + name).c_str(), peak, run);
    };
    add_peak("peak_f32", table->peak_f32);
    add_peak("peak_bf16", table->peak_bf16);
    add_peak("peak_int8", table->peak_int8);
    for (const Shape s : {Shape{1536, 576, 1}, Shape{1536, 576, 512}, Shape{576, 1536, 512},
                          Shape{4096, 4128, 1}, Shape{4096, 2080, 1}, Shape{4096, 2048, 1},
                          Shape{4096, 4096, 1}, Shape{4096, 4096, 8}, Shape{4096, 4096, 512}}) {
      const std::string shape = "/" + std::to_string(s.rows) + "x" + std::to_string(s.k) + "x" +
                                std::to_string(s.n_tokens);
      for (const DType d : {DType::kQ4_0, DType::kQ4_1, DType::kQ8_0}) {
        for (const auto bits : {kernels::ActivationBits::k8, kernels::ActivationBits::k15}) {
          const std::string name = level + "/" + std::string(dtype_name(d)) + "_x" +
                                   std::to_string(static_cast<int>(bits)) + shape;
          benchmark::RegisterBenchmark(name.c_str(), integer, *table, d, s, bits);
        }
      }
      for (const DType d : {DType::kF32, DType::kF16, DType::kBF16}) {
        benchmark::RegisterBenchmark((level + "/" + std::string(dtype_name(d)) + shape).c_str(),
                                     plain, *table, d, s);
      }
    }
  }
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace heng
