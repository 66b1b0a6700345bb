#include "models/architecture.h"

#include <cmath>

#include "heng/error.h"
#include "models/gguf_names.h"
#include "models/gguf_stretch.h"

namespace heng::models {

#define HENG_ARCHITECTURE(name) extern const Architecture name;
#include "models/list.inc"
#undef HENG_ARCHITECTURE

namespace {

using checkpoint::Checkpoint;
using checkpoint::Kind;

[[noreturn]] void unsupported(const Checkpoint& checkpoint, const std::string& found) {
  std::string known;
  for (const Architecture* a : all_architectures()) {
    const bool gguf = checkpoint.kind() == Kind::kGguf;
    if (gguf ? a->gguf_name.empty() : a->hf_classes.empty()) continue;
    known += (known.empty() ? "" : ", ") + std::string(gguf ? a->gguf_name : a->hf_classes.front());
  }
  throw Error(ErrorCode::kUnsupported, checkpoint.config_file() + ": architecture \"" + found +
                                           "\" is not supported. Supported: " + known + ".");
}

void check(bool good, const Checkpoint& checkpoint, const std::string& problem) {
  if (!good) {
    throw Error(ErrorCode::kCorrupt, checkpoint.config_file() + ": " + problem + ".");
  }
}

// The limits that the kernels and the memory plan stand on.
void check_spec(const DecoderSpec& s, const Checkpoint& c) {
  const auto n = [](size_t x) { return std::to_string(x); };
  check(s.n_layers <= 1024, c, n(s.n_layers) + " layers, expected at most 1024");
  check(s.n_heads % s.n_kv_heads == 0, c,
        n(s.n_heads) + " heads do not divide into " + n(s.n_kv_heads) + " KV heads");
  check(s.head_dim % 16 == 0 && s.head_dim <= kernels::kMaxHeadDim, c,
        "heads of " + n(s.head_dim) + ", expected a multiple of 16 up to 256");
  check(s.n_heads * s.head_dim <= (1u << 20) && s.hidden <= (1u << 20) && s.ffn <= (1u << 22), c,
        "sizes (" + n(s.n_heads) + " heads of " + n(s.head_dim) + ", hidden " + n(s.hidden) +
            ", ffn " + n(s.ffn) + ") beyond any known model");
  check(s.ffn > 0 && s.vocabulary > 0, c, "no feed-forward width or no vocabulary");
  check(s.rope.dims >= 4 && s.rope.dims % 2 == 0 && s.rope.dims <= s.head_dim, c,
        n(s.rope.dims) + " rotated dimensions of heads of " + n(s.head_dim));
  check(std::isfinite(s.rope.base) && s.rope.base > 1, c, "rope base must be a number above 1");
  check(s.norm_eps > 0 && s.norm_eps < 1, c, "norm epsilon must lie between 0 and 1");
}

}  // namespace

std::span<const Architecture* const> all_architectures() {
  static const Architecture* const kAll[] = {
#define HENG_ARCHITECTURE(name) &name,
#include "models/list.inc"
#undef HENG_ARCHITECTURE
  };
  return kAll;
}

const Architecture& find_architecture(const Checkpoint& checkpoint) {
  const JsonObject config(checkpoint.config(), checkpoint.config_file());
  if (checkpoint.kind() == Kind::kGguf) {
    const std::string name = config.string("general.architecture");
    for (const Architecture* a : all_architectures()) {
      if (!name.empty() && a->gguf_name == name) return *a;
    }
    unsupported(checkpoint, name);
  }
  if (checkpoint.kind() == Kind::kMeta) {
    for (const Architecture* a : all_architectures()) {
      if (a->folders == Kind::kMeta) return *a;
    }
  }
  const auto classes = config.strings_or_empty("architectures");
  for (const Architecture* a : all_architectures()) {
    for (std::string_view known : a->hf_classes) {
      for (const std::string& name : classes) {
        if (name == known) return *a;
      }
    }
  }
  unsupported(checkpoint, classes.empty() ? config.string_or("model_type", "") : classes.front());
}

DecoderSpec read_spec(const Architecture& architecture, const Checkpoint& checkpoint) {
  DecoderSpec spec =
      checkpoint.kind() == Kind::kGguf
          ? (architecture.read_gguf ? architecture.read_gguf(checkpoint)
                                    : read_gguf_spec(architecture.gguf_name, checkpoint))
          : architecture.read_config(JsonObject(checkpoint.config(), checkpoint.config_file()));
  if (checkpoint.kind() == Kind::kGguf) read_stretch(checkpoint, spec);
  if (spec.vocabulary == 0) {
    const TensorRef ref = find_tensor(architecture, spec, checkpoint, Part::kEmbedding, 0);
    const auto* table = checkpoint.find(ref.name);
    check(table != nullptr && !table->view.shape.empty(), checkpoint,
          "leaves the vocabulary to tensor " + ref.name + ", which is missing");
    spec.vocabulary = table->view.shape.front();
  }
  check_spec(spec, checkpoint);
  return spec;
}

TensorRef in_fused_qkv(const DecoderSpec& spec, Part part, std::string name) {
  const uint64_t q = spec.n_heads * spec.head_dim, kv = spec.n_kv_heads * spec.head_dim;
  uint64_t first_row = 0;
  if (part == Part::kK || part == Part::kKBias) first_row = q;
  if (part == Part::kV || part == Part::kVBias) first_row = q + kv;
  return {std::move(name), first_row, q + 2 * kv};
}

TensorRef gguf_tensor(const Architecture& architecture, const DecoderSpec& spec, Part part,
                      size_t layer) {
  if (architecture.gguf_tensor) return architecture.gguf_tensor(spec, part, layer);
  return {gguf_tensor_name(part, layer)};
}

TensorRef find_tensor(const Architecture& architecture, const DecoderSpec& spec,
                      const Checkpoint& checkpoint, Part part, size_t layer) {
  if (checkpoint.kind() == Kind::kGguf) return gguf_tensor(architecture, spec, part, layer);
  return architecture.tensor(spec, part, layer);
}

}  // namespace heng::models
