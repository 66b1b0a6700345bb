#include "models/weight_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/message.h"
#include "heng/error.h"
#include "models/lora.h"

namespace heng::models {

#define HENG_PACKED_LAYOUT(name) extern const PackedLayout name;
#include "models/packed_layouts.inc"
#undef HENG_PACKED_LAYOUT

namespace {

using checkpoint::Checkpoint;
using checkpoint::TensorEntry;

std::string name_of(const TensorEntry& entry) {
  return entry.file + ": tensor " + entry.name;
}

const formats::WeightFormat& format_of(const TensorEntry& entry) {
  const formats::WeightFormat* format = formats::find_format(entry.view.dtype);
  if (format == nullptr) {
    throw Error(ErrorCode::kUnsupported, name_of(entry) + " is " +
                                             std::string(dtype_name(entry.view.dtype)) +
                                             ", expected a weight type.");
  }
  return *format;
}

// Writes rows [first, first + n) of a tensor that model-parallel files share, rows of `row_bytes`.
void join_rows(const TensorEntry& entry, uint64_t row_bytes, uint64_t first, uint64_t n,
               std::byte* out) {
  const uint64_t n_slices = entry.slices.size();
  if (entry.axis == 0) {
    const uint64_t rows_each = entry.view.shape[0] / n_slices;
    for (uint64_t row = first; row < first + n; ++row, out += row_bytes) {
      const std::byte* slice = entry.slices[row / rows_each];
      std::memcpy(out, slice + row % rows_each * row_bytes, row_bytes);
    }
    return;
  }
  const uint64_t piece_bytes = row_bytes / n_slices;
  for (uint64_t row = first; row < first + n; ++row) {
    for (const std::byte* slice : entry.slices) {
      std::memcpy(out, slice + row * piece_bytes, piece_bytes);
      out += piece_bytes;
    }
  }
}

[[noreturn]] void fail_missing(const Checkpoint& checkpoint, const std::string& name) {
  std::string reason = "The checkpoint is incomplete.";
  const std::string packed = name.substr(0, name.rfind('.') + 1) + "qweight";
  if (checkpoint.find(packed) != nullptr && !checkpoint.quantization()) {
    reason = packed +
             " is there, but neither quantization_config in config.json nor "
             "quantize_config.json says how to read it.";
  }
  throw Error(ErrorCode::kCorrupt, checkpoint.path().filename().string() + ": tensor " + name +
                                       " is missing. " + reason);
}

// Rows [ref.first_row, + rows) of a tensor as it lies in its files; a vector where cols is 0.
WeightSource plain_source(const TensorEntry& entry, const TensorRef& ref, uint64_t rows,
                          uint64_t cols) {
  Shape expected{ref.total_rows ? ref.total_rows : rows};
  if (cols) expected.push_back(cols);
  check_shape(entry, expected);
  WeightSource s;
  s.name = name_of(entry);
  s.format = &format_of(entry);
  s.rows = rows;
  s.cols = cols ? cols : 1;
  s.stored_bytes = cols ? rows * s.row_bytes() : rows * s.format->block_bytes;
  s.entries = {&entry};
  if (entry.slices.empty()) {
    s.data = entry.view.data + ref.first_row * (s.stored_bytes / std::max<uint64_t>(rows, 1));
  } else {
    s.read_rows = [&entry, skip = ref.first_row, row_bytes = s.row_bytes()](
                      uint64_t first, uint64_t n, std::byte* out) {
      join_rows(entry, row_bytes, skip + first, n, out);
    };
  }
  return s;
}

const TensorEntry& need_entry(const Checkpoint& checkpoint, const std::string& name) {
  if (const TensorEntry* entry = checkpoint.find(name)) return *entry;
  fail_missing(checkpoint, name);
}

// Whether rows of q and k lie in the order of Meta's rotation: its own folders, and the GGUF files
// that llama.cpp's converter writes of LlamaForCausalLM.
bool has_paired_rows(const WeightRequest& r) {
  const checkpoint::Kind kind = r.checkpoint.kind();
  return kind == checkpoint::Kind::kMeta ||
         (kind == checkpoint::Kind::kGguf && r.architecture.gguf_name == "llama");
}

// What `find_stored` finds of the checkpoint's own files, or what the adapters make of it. A vector
// where cols is 0.
template <typename FindStored>
WeightSource with_loras(const WeightRequest& r, Part part, size_t layer, uint64_t rows,
                        uint64_t cols, const FindStored& find_stored) {
  const TensorRef ref = find_tensor(r.architecture, r.spec, r.checkpoint, part, layer);
  if (!r.loras) return find_stored(ref);
  const TensorRef in_layout = in_hf_layout(r.architecture, r.spec, part, layer);
  if (!r.loras->touches(in_layout.name)) return find_stored(ref);
  RowOrder order;
  const bool is_turned = part == Part::kQ || part == Part::kK;
  if (is_turned && has_paired_rows(r)) order.head_dim = r.spec.head_dim;
  const TensorEntry* saved = r.loras->replacement(in_layout.name);
  if (saved && order.head_dim) {
    throw Error(ErrorCode::kUnsupported,
                name_of(*saved) +
                    " replaces a tensor whose rows this base keeps in another order. "
                    "Use the base's Hugging Face folder.");
  }
  WeightSource source = saved ? plain_source(*saved, in_layout, rows, cols) : find_stored(ref);
  // Packed integers have no tensor of the name.
  const TensorEntry* stored = r.checkpoint.find(ref.name);
  const DType own = stored ? sum_type_for(*stored) : DType::kF16;
  return add_deltas(std::move(source), in_layout, *r.loras, r.loras->sum_type.value_or(own), order);
}

const PackedLayout* layout_of(const Checkpoint& checkpoint) {
  if (checkpoint.kind() != checkpoint::Kind::kHuggingFace) return nullptr;
  for (const PackedLayout* layout : all_packed_layouts()) {
    if (layout->suits(checkpoint)) return layout;
  }
  return nullptr;
}

}  // namespace

std::span<const PackedLayout* const> all_packed_layouts() {
  static const std::vector<const PackedLayout*> kAll = {
#define HENG_PACKED_LAYOUT(name) &name,
#include "models/packed_layouts.inc"
#undef HENG_PACKED_LAYOUT
  };
  return kAll;
}

void check_quantization(const Checkpoint& checkpoint) {
  const auto found = checkpoint.quantization();
  if (!found || layout_of(checkpoint) != nullptr) return;
  std::string known;
  for (const PackedLayout* layout : all_packed_layouts()) {
    known += (known.empty() ? "" : ", ") + std::string(layout->name);
  }
  throw Error(ErrorCode::kUnsupported, found->where("quant_method") + " \"" +
                                           printable(found->string_or("quant_method", "")) +
                                           "\" is not supported. Supported: " + known + ".");
}

std::string describe_stored(const Checkpoint& checkpoint, DType stored) {
  const PackedLayout* layout = layout_of(checkpoint);
  const bool is_packed = formats::find_format(stored)->expand_block != nullptr;
  if (layout == nullptr || layout->describe == nullptr || !is_packed) {
    return std::string(dtype_name(stored));
  }
  return layout->describe(checkpoint);
}

void decode_row(const WeightSource& source, const std::byte* row, float* out) {
  if (!source.input_order) return source.format->decode_row(row, out, source.cols);
  std::vector<float> stored(source.cols);
  source.format->decode_row(row, stored.data(), source.cols);
  for (uint64_t i = 0; i < source.cols; ++i) out[(*source.input_order)[i]] = stored[i];
}

WeightSource find_matrix(const WeightRequest& request, Part part, size_t layer, uint64_t rows,
                         uint64_t cols) {
  const auto find_stored = [&](const TensorRef& ref) {
    const Checkpoint& c = request.checkpoint;
    if (const PackedLayout* layout = layout_of(c)) {
      if (auto packed = layout->find(c, ref, rows, cols)) return *packed;
    }
    return plain_source(need_entry(c, ref.name), ref, rows, cols);
  };
  return with_loras(request, part, layer, rows, cols, find_stored);
}

WeightSource find_vector(const WeightRequest& request, Part part, size_t layer, uint64_t n) {
  const auto find_stored = [&](const TensorRef& ref) {
    return plain_source(need_entry(request.checkpoint, ref.name), ref, n, 0);
  };
  WeightSource s = with_loras(request, part, layer, n, 0, find_stored);
  if (s.format->block_length == 1) return s;
  throw Error(ErrorCode::kUnsupported,
              s.name + " is " + std::string(s.format->name) + ", expected f32, f16 or bf16.");
}

std::vector<float> read_vector(const WeightRequest& request, Part part, size_t layer, uint64_t n) {
  const WeightSource s = find_vector(request, part, layer, n);
  std::vector<std::byte> made(s.data ? 0 : n * s.row_bytes());
  if (!s.data) s.read_rows(0, n, made.data());
  std::vector<float> out(n);
  s.format->decode_row(s.data ? s.data : made.data(), out.data(), n);
  if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); })) {
    fail_not_finite(s.name);
  }
  return out;
}

void fail_not_finite(const std::string& name) {
  throw Error(ErrorCode::kCorrupt, name +
                                       ": holds a value that is not finite, expected numbers. "
                                       "The file is damaged: fetch it again.");
}

void check_shape(const TensorEntry& entry, const Shape& expected) {
  if (entry.view.shape == expected) return;
  throw Error(ErrorCode::kCorrupt, name_of(entry) + " has shape " + to_string(entry.view.shape) +
                                       ", expected " + to_string(expected) +
                                       " by the configuration.");
}

}  // namespace heng::models
