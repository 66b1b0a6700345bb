// Writing a model as one GGUF file with its weights in another type, for heng and for every program
// that reads GGUF (llama.cpp, ollama).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "heng/error.h"

namespace heng {

struct QuantizeOptions {
  // "q8_0", "q4_0", "q4_k", "f16", "bf16" or "f32". Norms and biases are always f32; embeddings and
  // head of the 4-bit types are q8_0.
  std::string type = "q8_0";
  int threads = 0;  // 0: one per processor that this process may use
  // Bytes written and in all; returns false to stop, which throws kCancelled. From the calling
  // thread.
  std::function<bool(uint64_t done, uint64_t total)> on_progress;
};

struct QuantizeReport {
  std::string architecture;  // as GGUF names it
  uint64_t file_bytes = 0;
  uint64_t parameters = 0;
  size_t n_tensors = 0;
  double bits_per_weight = 0;
  std::vector<std::string> notes;  // what does not carry over, one sentence each
};

// The types that QuantizeOptions takes, best first.
std::vector<std::string_view> quantize_types();

// `model`: as Model::load. `out`: the .gguf file to be; it is either whole or not there, and one
// that exists is not overwritten. Memory taken is bounded, whatever the model's size. Throws Error
// kNotFound, kCorrupt, kUnsupported, kInvalidArgument, kOutOfMemory (the disk has no room: known
// before anything is written), kCancelled.
QuantizeReport quantize(const std::filesystem::path& model, const std::filesystem::path& out,
                        const QuantizeOptions& options = {});

}  // namespace heng
