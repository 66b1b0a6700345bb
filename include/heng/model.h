// A loaded model: start here. Weights, tokenizer and chat format of one checkpoint; immutable after
// load and safe to share between threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "heng/chat.h"
#include "heng/error.h"
#include "heng/generation.h"
#include "heng/tokenizer.h"

namespace heng {

enum class Precision {
  kAuto,  // as stored, where this processor multiplies that well
  kFp32,
  kFp16,
  kBf16,
  // Quantised while loading, in blocks of 32 weights with a scale; what is stored in no more bits
  // stays as it is.
  kInt8,
  kInt4,  // embeddings and head in 8 bits
};
// Width of the integers that activations become for products with quantised weights.
enum class Activations {
  kAuto,    // 15 bits for models under 1e9 parameters, 8 for larger ones
  k8Bits,   // as other engines do it: one integer product a weight
  k15Bits,  // two products; replies are those of fp32 activations
};
// What keys and values are kept in.
enum class KvPrecision {
  // As the weights in fp32 and bf16; bf16 for large quantised models where the processor multiplies
  // that, else fp16.
  kAuto,
  kFp32,
  kFp16,
  kBf16,
  kInt8,  // with a scale for each key and value of a head
};
enum class Device { kAuto, kCpu };
enum class BackendKind {
  kFast,       // the kernels for this processor
  kReference,  // plain loops: the oracle of the tests, hundreds of times slower
};

struct LoadOptions {
  Precision dtype = Precision::kAuto;
  Activations activations = Activations::kAuto;
  KvPrecision kv = KvPrecision::kAuto;
  Device device = Device::kAuto;
  // Context in tokens that memory is planned for; 0: what the model takes, at most 8,192.
  size_t context = 0;
  int threads = 0;  // 0: one per processor that this process may use
  // Folder where repacked weights of large quantised models are kept, so that they are mapped next
  // time; empty: none are. Least recently used files go where they would pass the bound.
  std::filesystem::path repack_cache;
  uint64_t repack_cache_bytes = uint64_t{64} << 30;
  BackendKind backend = BackendKind::kFast;
  // Folders of LoRA adapters, put on the weights in this order. Their tokenizer, the last one's
  // that has one, comes before the model's own.
  std::vector<std::filesystem::path> loras;
  // Called while loading with bytes done and in all; from the loading thread.
  std::function<void(uint64_t done, uint64_t total)> on_progress;
};

// An adapter as its files describe it.
struct LoraInfo {
  std::string name;        // the folder's
  std::string base_model;  // what it says it was made for; may be empty
  uint64_t rank = 0;
  double alpha = 0;
  size_t n_matrices = 0;           // that it adds to
  std::vector<std::string> saved;  // tensors that it replaces
};

// What a checkpoint is and what it will take, known before any weight is read.
struct ModelInfo {
  std::string name;          // the folder's or file's name
  std::string architecture;  // "qwen", "llama"
  std::string hf_class;      // "QWenLMHeadModel" where config.json says
  // "bf16", "q4_1", "gptq int4, group 128": what most weights are stored in
  std::string stored_as;
  std::string computed_as;  // what LoadOptions made of it: "bf16", "fp32", "int4"
  std::string why;          // one clause for people: "as stored: this processor multiplies bf16"
  std::string isa;          // "avx512_bf16"
  int activation_bits = 0;  // 8 or 15: of inputs to quantised weights; 0: computed in floats
  uint64_t parameters = 0;
  uint64_t n_files = 0;
  uint64_t weight_bytes = 0;  // in memory
  uint64_t kv_bytes = 0;      // for `context` tokens
  std::string kv_type;        // "fp16"
  std::string repacked;       // "kept in FILE", "mapped from FILE"; empty: neither
  uint64_t work_bytes = 0;    // buffers of a prompt chunk
  uint64_t file_bytes = 0;
  size_t context = 0;  // tokens planned for
  size_t trained_context = 0;
  size_t max_context = 0;  // with the rope scaling the model has
  int n_layers = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, hidden = 0, ffn = 0;
  int64_t vocabulary = 0;  // rows of the output head
  std::string rope;        // "base 10,000, halves, dynamic NTK"
  std::string licence;     // empty where the checkpoint does not say
  std::vector<LoraInfo> loras;
  int threads = 0;
};

class Model {
 public:
  virtual ~Model() = default;

  // `path`: a checkpoint folder or a .gguf file. Throws Error kNotFound, kCorrupt, kUnsupported,
  // kOutOfMemory (refused before loading, with the figures and a way out).
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const LoadOptions& options = {});
  // What load would announce; reads headers only. Never throws kOutOfMemory.
  static ModelInfo inspect(const std::filesystem::path& path, const LoadOptions& options = {});

  virtual const ModelInfo& info() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  // Throws Error kUnsupported where the checkpoint is no chat model this build knows the format of:
  // where has_chat_format() is false, or its own template cannot be read.
  virtual const ChatFormat& chat_format() const = 0;
  virtual bool has_chat_format() const = 0;
  // generation_config.json's settings, end tokens included; the defaults where there is none.
  virtual const GenerationConfig& generation_config() const = 0;
};

// "14.4 GiB of weights + 1.0 GiB for 8,192 tokens" and so on, for the line before loading.
std::string describe(const ModelInfo& info);

}  // namespace heng
