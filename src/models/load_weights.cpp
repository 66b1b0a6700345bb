#include "models/load_weights.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <set>

#include "heng/error.h"
#include "models/lora.h"
#include "models/model_parts.h"
#include "models/weight_check.h"
#include "models/weight_convert.h"

namespace heng::models {
namespace {

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

// The format a matrix will have in memory.
const formats::WeightFormat& target_format(const WeightRequest& r, Part part,
                                           const WeightSource& source) {
  const formats::WeightFormat& stored = *source.format;
  DType dtype = r.convert_to ? type_for(*r.convert_to, part, source.cols) : stored.dtype;
  if (dtype == DType::kF64) dtype = DType::kF32;  // no kernel multiplies f64
  const formats::WeightFormat& wanted = *formats::find_format(dtype);
  // Quantising what is quantised loses accuracy: only where it saves bits.
  const bool both_quantised = wanted.expand_block != nullptr && stored.expand_block != nullptr;
  return both_quantised && stored.bits <= wanted.bits ? stored : wanted;
}

// Whether the rows are not used as they lie in the file.
bool is_made(const WeightSource& source, const formats::WeightFormat& target) {
  return source.data == nullptr || &target != source.format;
}

// Where a matrix of the model goes.
ops::Matrix& matrix_of(DecoderWeights& w, const PartShape& p) {
  if (p.part == Part::kEmbedding) return w.embedding;
  if (p.part == Part::kHead) return w.head;
  LayerWeights& l = w.layers[p.layer];
  switch (p.part) {
    case Part::kQ:
      return l.q;
    case Part::kK:
      return l.k;
    case Part::kV:
      return l.v;
    case Part::kO:
      return l.o;
    case Part::kGate:
      return l.gate;
    case Part::kUp:
      return l.up;
    case Part::kDown:
      return l.down;
    default:
      throw Error(ErrorCode::kInternal, "matrix_of: no matrix.");
  }
}

// Where a vector goes: behind the values that are there.
std::vector<float>& vector_of(DecoderWeights& w, const PartShape& p) {
  if (p.part == Part::kFinalNorm) return w.final_norm;
  LayerWeights& l = w.layers[p.layer];
  switch (p.part) {
    case Part::kAttentionNorm:
      return l.attention_norm;
    case Part::kQBias:
    case Part::kKBias:
    case Part::kVBias:
      return l.qkv_bias;
    case Part::kQNorm:
      return l.q_norm;
    case Part::kKNorm:
      return l.k_norm;
    case Part::kFfnNorm:
      return l.ffn_norm;
    default:
      throw Error(ErrorCode::kInternal, "vector_of: no vector.");
  }
}

// An untied embedding is only looked up, never multiplied: it need not be packed.
bool is_multiplied(const PartShape& m, const DecoderSpec& s) {
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
uint64_t load_matrix(const WeightRequest& r, const PartShape& part, ops::Matrix& m, Hands hands) {
  const WeightSource source = find_matrix(r, part.part, part.layer, part.rows, part.cols);
  m.name = source.name;
  m.rows = source.rows;
  m.cols = source.cols;
  m.format = &target_format(r, part.part, source);
  m.data = source.data;
  // Converting puts the columns as the inputs come.
  if (m.format == source.format) m.input_order = hands.orders.share(source.input_order);
  const bool made = is_made(source, *m.format);
  const bool multiplied = is_multiplied(part, r.spec);
  const bool packs = multiplied && hands.backend.prepared_bytes(*m.format, m.rows, m.cols) > 0;
  const auto make_rows = [&](size_t first, size_t n, std::byte* out) {
    convert_rows(source, first, n, *m.format, out, hands.pool);
  };
  // Rows that are made are only wanted until they are packed, but for a table to be looked up.
  if (made && packs && part.part != Part::kEmbedding) {
    m.data = nullptr;
    hands.backend.prepare(m, hands.memory, make_rows);
  } else {
    if (made) {
      std::byte* out = hands.memory.take(m.rows * m.row_bytes(), "weights");
      if (!hands.memory.is_made()) make_rows(0, m.rows, out);
      m.data = out;
    }
    if (multiplied || m.format->expand_block == nullptr) {
      hands.backend.prepare(m, hands.memory);
    } else if (!hands.memory.is_made()) {
      check_rows(m, hands.pool);
    }
  }
  if (made || m.packed) {
    for (const auto* entry : source.entries) r.checkpoint.drop_pages(*entry);
  }
  return source.stored_bytes;
}

// The tensors that a part stands on: of the checkpoint, whether an adapter replaces it or not, and
// of the adapters.
void note_used(const WeightRequest& r, const PartShape& part, const WeightSource& source,
               std::set<std::string>& names, std::set<const checkpoint::TensorEntry*>& of_loras) {
  names.insert(find_tensor(r.architecture, r.spec, r.checkpoint, part.part, part.layer).name);
  for (const auto* entry : source.entries) names.insert(entry->name);
  of_loras.insert(source.entries.begin(), source.entries.end());
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
  for (const PartShape& part : matrix_parts(s)) {
    const WeightSource f = find_matrix(request, part.part, part.layer, part.rows, part.cols);
    note_used(request, part, f, used, used_of_loras);
    const formats::WeightFormat& target = target_format(request, part.part, f);
    const uint64_t packed =
        is_multiplied(part, s) ? backend.prepared_bytes(target, f.rows, f.cols) : 0;
    // The embedding is looked up row by row, so its rows stay beside what is packed of them.
    const bool rows_stay = packed == 0 || (part.part == Part::kEmbedding && is_made(f, target));
    const uint64_t rows = f.rows * (f.cols / target.block_length * target.block_bytes);
    sizes.memory_bytes += packed + (rows_stay ? rows : 0);
    if (packed > 0) sizes.made_bytes += Arena::rounded(packed);
    if (rows_stay && is_made(f, target)) sizes.made_bytes += Arena::rounded(rows);
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
  for (const PartShape& part : vector_parts(s)) {
    const WeightSource f = find_vector(request, part.part, part.layer, part.rows);
    note_used(request, part, f, used, used_of_loras);
    sizes.parameters += part.rows;
    sizes.memory_bytes += part.rows * sizeof(float);
  }
  check_all_used(request, used);
  if (request.loras) check_loras_used(*request.loras, used_of_loras);
  return sizes;
}

DecoderWeights load_weights(const WeightRequest& request, ops::Backend& backend, ThreadPool& pool,
                            Arena memory, const std::function<void(uint64_t)>& on_progress) {
  const DecoderSpec& s = request.spec;
  DecoderWeights w;
  w.memory = std::move(memory);
  w.layers.resize(s.n_layers);
  InputOrders orders;
  uint64_t done = 0;
  for (const PartShape& part : matrix_parts(s)) {
    done += load_matrix(request, part, matrix_of(w, part), {backend, pool, w.memory, orders});
    if (on_progress) on_progress(done);
  }
  for (const PartShape& part : vector_parts(s)) {
    const auto values = read_vector(request, part.part, part.layer, part.rows);
    std::vector<float>& to = vector_of(w, part);
    to.insert(to.end(), values.begin(), values.end());
  }
  return w;
}

}  // namespace heng::models
