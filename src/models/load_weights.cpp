#include "models/load_weights.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "base/aligned_buffer.h"
#include "heng/error.h"
#include "models/lora.h"
#include "models/weight_check.h"
#include "models/weight_convert.h"

namespace heng::models {
namespace {

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

// The format a matrix will have in memory.
const formats::WeightFormat& target_format(const WeightRequest& r, const WeightSource& source) {
  DType dtype = r.convert_to.value_or(source.format->dtype);
  if (dtype == DType::kF64) dtype = DType::kF32;  // no kernel multiplies f64
  return *formats::find_format(dtype);
}

// Whether the rows are not used as they lie in the file.
bool is_made(const WeightRequest& r, const WeightSource& source) {
  return source.data == nullptr || &target_format(r, source) != source.format;
}

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

struct VectorPart {
  Part part;
  size_t layer;
  uint64_t n;
  std::vector<float>* to;  // gets the values behind what it has; nullptr while measuring
};

// Every vector of the model. `weights` may be nullptr.
std::vector<VectorPart> all_vectors(const DecoderSpec& s, DecoderWeights* weights) {
  std::vector<VectorPart> all;
  for (size_t i = 0; i < s.n_layers; ++i) {
    LayerWeights* l = weights ? &weights->layers[i] : nullptr;
    const auto add = [&](Part part, uint64_t n, std::vector<float> LayerWeights::*to) {
      all.push_back({part, i, n, l ? &(l->*to) : nullptr});
    };
    add(Part::kAttentionNorm, s.hidden, &LayerWeights::attention_norm);
    add(Part::kFfnNorm, s.hidden, &LayerWeights::ffn_norm);
    if (s.qkv_bias) {
      add(Part::kQBias, s.n_heads * s.head_dim, &LayerWeights::qkv_bias);
      add(Part::kKBias, s.n_kv_heads * s.head_dim, &LayerWeights::qkv_bias);
      add(Part::kVBias, s.n_kv_heads * s.head_dim, &LayerWeights::qkv_bias);
    }
    if (s.qk_norm) {
      add(Part::kQNorm, s.head_dim, &LayerWeights::q_norm);
      add(Part::kKNorm, s.head_dim, &LayerWeights::k_norm);
    }
  }
  all.push_back({Part::kFinalNorm, 0, s.hidden, weights ? &weights->final_norm : nullptr});
  return all;
}

// An untied embedding is only looked up, never multiplied: it need not be packed.
bool is_multiplied(const MatrixPart& m, const DecoderSpec& s) {
  return m.part != Part::kEmbedding || s.tied_head;
}

// Orders of inputs, the same ones once: backends prepare an input once for each.
class InputOrders {
 public:
  std::shared_ptr<const ops::InputOrder> share(std::shared_ptr<const ops::InputOrder> order) {
    if (order == nullptr) return nullptr;
    const auto same = [&](const auto& known) { return *known == *order; };
    const auto known = std::find_if(all_.begin(), all_.end(), same);
    if (known != all_.end()) return *known;
    all_.push_back(order);
    return order;
  }

 private:
  std::vector<std::shared_ptr<const ops::InputOrder>> all_;
};

// Who takes part in loading a matrix.
struct Hands {
  ops::Backend& backend;
  ThreadPool& pool;
  Arena& memory;
  InputOrders& orders;
};

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
  if (!finite) fail_not_finite(m.name);
}

// Returns the bytes it took from the files.
uint64_t load_matrix(const WeightRequest& r, const MatrixPart& part, Hands hands) {
  const WeightSource source = find_matrix(r, part.part, part.layer, part.rows, part.cols);
  ops::Matrix& m = *part.to;
  m.name = source.name;
  m.rows = source.rows;
  m.cols = source.cols;
  m.format = &target_format(r, source);
  m.data = source.data;
  // Converting puts the columns as the inputs come.
  if (m.format == source.format) m.input_order = hands.orders.share(source.input_order);
  const bool made = is_made(r, source);
  const bool multiplied = is_multiplied(part, r.spec);
  const bool packs = multiplied && hands.backend.prepared_bytes(*m.format, m.rows, m.cols) > 0;
  std::optional<AlignedBuffer> scratch;  // rows that are only wanted until they are packed
  if (made) {
    const uint64_t bytes = m.rows * m.row_bytes();
    if (packs && part.part != Part::kEmbedding) scratch.emplace(bytes, "weights");
    std::byte* out = scratch ? scratch->data() : hands.memory.take(bytes, "weights");
    convert_rows(source, 0, m.rows, *m.format, out, hands.pool);
    m.data = out;
  }
  if (multiplied || m.format->expand_block == nullptr) {
    hands.backend.prepare(m, hands.memory);
  } else {
    check_rows(m, hands.pool);
  }
  if (scratch) m.data = nullptr;
  if (made || m.packed) {
    for (const auto* entry : source.entries) r.checkpoint.drop_pages(*entry);
  }
  return source.stored_bytes;
}

}  // namespace

WeightSizes measure_weights(const WeightRequest& request, const ops::Backend& backend) {
  const DecoderSpec& s = request.spec;
  check_quantization(request.checkpoint);
  check_layer_count(request);
  WeightSizes sizes;
  std::map<DType, uint64_t> numbers_by_type;
  std::set<std::string> used;
  std::set<const checkpoint::TensorEntry*> used_of_loras;
  for (const MatrixPart& part : all_matrices(s, nullptr)) {
    const WeightSource f = find_matrix(request, part.part, part.layer, part.rows, part.cols);
    for (const auto* entry : f.entries) used.insert(entry->name);
    used_of_loras.insert(f.entries.begin(), f.entries.end());
    const formats::WeightFormat& target = target_format(request, f);
    const uint64_t packed =
        is_multiplied(part, s) ? backend.prepared_bytes(target, f.rows, f.cols) : 0;
    // The embedding is looked up row by row, so its rows stay beside what is packed of them.
    const bool rows_stay = packed == 0 || (part.part == Part::kEmbedding && is_made(request, f));
    const uint64_t rows = f.rows * (f.cols / target.block_length * target.block_bytes);
    sizes.memory_bytes += packed + (rows_stay ? rows : 0);
    sizes.parameters += f.rows * f.cols;
    numbers_by_type[f.format->dtype] += f.rows * f.cols;
    sizes.reorders_inputs |= f.input_order && &target == f.format;
  }
  uint64_t most = 0;
  for (const auto& [dtype, n] : numbers_by_type) {
    if (n > most) {
      most = n;
      sizes.stored = dtype;
    }
  }
  for (const VectorPart& part : all_vectors(s, nullptr)) {
    const WeightSource f = find_vector(request, part.part, part.layer, part.n);
    for (const auto* entry : f.entries) used.insert(entry->name);
    used_of_loras.insert(f.entries.begin(), f.entries.end());
    sizes.parameters += part.n;
    sizes.memory_bytes += part.n * sizeof(float);
  }
  check_all_used(request, used);
  if (request.loras) check_loras_used(*request.loras, used_of_loras);
  return sizes;
}

DecoderWeights load_weights(const WeightRequest& request, ops::Backend& backend, ThreadPool& pool,
                            const std::function<void(uint64_t)>& on_progress) {
  const DecoderSpec& s = request.spec;
  DecoderWeights w;
  w.layers.resize(s.n_layers);
  InputOrders orders;
  uint64_t done = 0;
  for (const MatrixPart& part : all_matrices(s, &w)) {
    done += load_matrix(request, part, {backend, pool, w.memory, orders});
    if (on_progress) on_progress(done);
  }
  for (const VectorPart& part : all_vectors(s, &w)) {
    const auto values = read_vector(request, part.part, part.layer, part.n);
    part.to->insert(part.to->end(), values.begin(), values.end());
  }
  return w;
}

}  // namespace heng::models
