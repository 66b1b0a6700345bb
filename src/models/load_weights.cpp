#include "models/load_weights.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <map>

#include "heng/error.h"

namespace heng::models {
namespace {

using checkpoint::TensorEntry;

const formats::WeightFormat& format_of(const TensorEntry& entry) {
  const formats::WeightFormat* format = formats::find_format(entry.view.dtype);
  if (format == nullptr) {
    throw Error(ErrorCode::kUnsupported, entry.file + ": tensor " + entry.name + " is " +
                                             std::string(dtype_name(entry.view.dtype)) +
                                             ", expected a weight type.");
  }
  return *format;
}

[[noreturn]] void wrong_shape(const TensorEntry& entry, const Shape& expected) {
  throw Error(ErrorCode::kCorrupt, entry.file + ": tensor " + entry.name + " has shape " +
                                       to_string(entry.view.shape) + ", expected " +
                                       to_string(expected) + " by the configuration.");
}

[[noreturn]] void not_finite(const std::string& what) {
  throw Error(ErrorCode::kCorrupt, what +
                                       ": holds a value that is not finite, expected numbers. "
                                       "The file is damaged: fetch it again.");
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

// One part of the model, found and checked.
struct Found {
  const TensorEntry* entry;
  const formats::WeightFormat* format;
  uint64_t first_row, rows, cols;

  std::span<const std::byte> bytes() const {
    const uint64_t row_bytes = cols / format->block_length * format->block_bytes;
    return {entry->view.data + first_row * row_bytes, rows * row_bytes};
  }
};

class Loader {
 public:
  explicit Loader(const WeightRequest& request) : r_(request) {}

  // A matrix [rows, cols], or a vector [rows] where cols is 0.
  Found find(Part part, size_t layer, uint64_t rows, uint64_t cols) const {
    const TensorRef ref = find_tensor(r_.architecture, r_.spec, r_.checkpoint, part, layer);
    const TensorEntry* entry = r_.checkpoint.find(ref.name);
    if (entry == nullptr) {
      throw Error(ErrorCode::kCorrupt, r_.checkpoint.path().filename().string() + ": tensor " +
                                           ref.name + " is missing. The checkpoint is incomplete.");
    }
    Shape expected{ref.total_rows ? ref.total_rows : rows};
    if (cols) expected.push_back(cols);
    if (entry->view.shape != expected) wrong_shape(*entry, expected);
    return {entry, &format_of(*entry), ref.first_row, rows, cols ? cols : 1};
  }

  std::vector<float> vector(Part part, size_t layer, uint64_t n) const {
    const Found f = find(part, layer, n, 0);
    if (f.format->block_length != 1) {
      throw Error(ErrorCode::kUnsupported, f.entry->file + ": tensor " + f.entry->name + " is " +
                                               std::string(f.format->name) +
                                               ", expected f32, f16 or bf16.");
    }
    std::vector<float> out(n);
    f.format->decode_row(f.bytes().data(), out.data(), n);
    if (!all_finite(out)) not_finite(f.entry->file + ": tensor " + f.entry->name);
    return out;
  }

  // The format a matrix will have in memory.
  const formats::WeightFormat& target(const Found& f) const {
    DType dtype = r_.convert_to.value_or(f.format->dtype);
    if (dtype == DType::kF64) dtype = DType::kF32;  // no kernel multiplies f64
    return *formats::find_format(dtype);
  }

  const WeightRequest& request() const { return r_; }

 private:
  const WeightRequest& r_;
};

struct MatrixPart {
  Part part;
  size_t layer;
  uint64_t rows, cols;
  ops::Matrix* to;  // nullptr while measuring
};

// Every matrix of the model, in the order of use. `weights` may be nullptr.
std::vector<MatrixPart> all_matrices(const DecoderSpec& s, DecoderWeights* weights) {
  const uint64_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
  std::vector<MatrixPart> all;
  const auto add = [&](Part part, size_t layer, uint64_t rows, uint64_t cols, ops::Matrix* to) {
    all.push_back({part, layer, rows, cols, to});
  };
  add(Part::kEmbedding, 0, s.vocabulary, s.hidden, weights ? &weights->embedding : nullptr);
  for (size_t i = 0; i < s.n_layers; ++i) {
    LayerWeights* l = weights ? &weights->layers[i] : nullptr;
    add(Part::kQ, i, q, s.hidden, l ? &l->q : nullptr);
    add(Part::kK, i, kv, s.hidden, l ? &l->k : nullptr);
    add(Part::kV, i, kv, s.hidden, l ? &l->v : nullptr);
    add(Part::kO, i, s.hidden, q, l ? &l->o : nullptr);
    add(Part::kGate, i, s.ffn, s.hidden, l ? &l->gate : nullptr);
    add(Part::kUp, i, s.ffn, s.hidden, l ? &l->up : nullptr);
    add(Part::kDown, i, s.hidden, s.ffn, l ? &l->down : nullptr);
  }
  if (!s.tied_head) add(Part::kHead, 0, s.vocabulary, s.hidden, weights ? &weights->head : nullptr);
  return all;
}

// An untied embedding is only looked up, never multiplied: it need not be packed.
bool is_multiplied(const MatrixPart& m, const DecoderSpec& s) {
  return m.part != Part::kEmbedding || s.tied_head;
}

// Who takes part in loading a matrix.
struct Hands {
  ops::Backend& backend;
  ThreadPool& pool;
  Arena& memory;
};

void convert(const Found& f, const formats::WeightFormat& target, ops::Matrix& m, Hands& hands) {
  std::byte* out = hands.memory.take(f.rows * m.row_bytes(), "weights");
  m.data = out;
  const uint64_t source_row = f.cols / f.format->block_length * f.format->block_bytes;
  hands.pool.for_range(f.rows, 1, [&](size_t begin, size_t end) {
    std::vector<float> row(f.cols);
    for (size_t r = begin; r < end; ++r) {
      f.format->decode_row(f.bytes().data() + r * source_row, row.data(), f.cols);
      target.encode_row(row.data(), out + r * m.row_bytes(), f.cols);
    }
  });
}

// What prepare checks, for a quantised table that is only looked up.
void check_rows(const ops::Matrix& m, ThreadPool& pool) {
  std::atomic<bool> finite{true};
  pool.for_range(m.rows, 1, [&](size_t begin, size_t end) {
    std::vector<float> row(m.cols);
    for (size_t r = begin; r < end; ++r) {
      m.format->decode_row(m.row(r), row.data(), m.cols);
      if (!all_finite(row)) finite = false;
    }
  });
  if (!finite) not_finite(m.name);
}

void load_matrix(const Loader& loader, const MatrixPart& part, Hands hands) {
  const Found f = loader.find(part.part, part.layer, part.rows, part.cols);
  ops::Matrix& m = *part.to;
  m.name = f.entry->file + ": tensor " + f.entry->name;
  m.rows = f.rows;
  m.cols = f.cols;
  m.format = &loader.target(f);
  m.data = f.bytes().data();
  const bool converted = m.format != f.format;
  if (converted) convert(f, *m.format, m, hands);
  const bool packs = m.format->expand_block != nullptr;
  if (packs && !is_multiplied(part, loader.request().spec)) {
    check_rows(m, hands.pool);
  } else {
    hands.backend.prepare(m, hands.memory);
  }
  if (converted || m.packed) loader.request().checkpoint.drop_pages(*f.entry);
}

// A configuration with fewer layers than the files would run a cut model without a word.
void check_layer_count(const WeightRequest& r) {
  const TensorRef next =
      find_tensor(r.architecture, r.spec, r.checkpoint, Part::kAttentionNorm, r.spec.n_layers);
  if (r.checkpoint.find(next.name) != nullptr) {
    throw Error(ErrorCode::kCorrupt, r.checkpoint.config_file() + ": says " +
                                         std::to_string(r.spec.n_layers) +
                                         " layers, but the files hold tensor " + next.name +
                                         " too. Configuration and weights do not belong together.");
  }
}

}  // namespace

WeightSizes measure_weights(const WeightRequest& request, const ops::Backend& backend) {
  const Loader loader(request);
  const DecoderSpec& s = request.spec;
  check_layer_count(request);
  WeightSizes sizes;
  std::map<DType, uint64_t> bytes_by_type;
  for (const MatrixPart& part : all_matrices(s, nullptr)) {
    const Found f = loader.find(part.part, part.layer, part.rows, part.cols);
    const formats::WeightFormat& target = loader.target(f);
    const uint64_t prepared =
        is_multiplied(part, s) ? backend.prepared_bytes(target, f.rows, f.cols) : 0;
    sizes.memory_bytes +=
        prepared ? prepared : f.rows * (f.cols / target.block_length * target.block_bytes);
    sizes.parameters += f.rows * f.cols;
    bytes_by_type[f.entry->view.dtype] += f.bytes().size();
  }
  uint64_t most = 0;
  for (const auto& [dtype, bytes] : bytes_by_type) {
    if (bytes > most) {
      most = bytes;
      sizes.stored = dtype;
    }
  }
  const uint64_t vectors =
      s.n_layers * (2 * s.hidden + (s.qkv_bias ? s.qkv_width() : 0)) + s.hidden;
  sizes.parameters += vectors;
  sizes.memory_bytes += vectors * sizeof(float);
  return sizes;
}

DecoderWeights load_weights(const WeightRequest& request, ops::Backend& backend, ThreadPool& pool,
                            const std::function<void(uint64_t)>& on_progress) {
  const Loader loader(request);
  const DecoderSpec& s = request.spec;
  DecoderWeights w;
  w.layers.resize(s.n_layers);
  uint64_t done = 0;
  for (const MatrixPart& part : all_matrices(s, &w)) {
    load_matrix(loader, part, {backend, pool, w.memory});
    done += loader.find(part.part, part.layer, part.rows, part.cols).bytes().size();
    if (on_progress) on_progress(done);
  }
  const uint64_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
  for (size_t i = 0; i < s.n_layers; ++i) {
    LayerWeights& l = w.layers[i];
    l.attention_norm = loader.vector(Part::kAttentionNorm, i, s.hidden);
    l.ffn_norm = loader.vector(Part::kFfnNorm, i, s.hidden);
    if (!s.qkv_bias) continue;
    using Bias = std::pair<Part, uint64_t>;
    for (const auto& [part, n] :
         std::array<Bias, 3>{{{Part::kQBias, q}, {Part::kKBias, kv}, {Part::kVBias, kv}}}) {
      const auto bias = loader.vector(part, i, n);
      l.qkv_bias.insert(l.qkv_bias.end(), bias.begin(), bias.end());
    }
  }
  w.final_norm = loader.vector(Part::kFinalNorm, 0, s.hidden);
  return w;
}

}  // namespace heng::models
