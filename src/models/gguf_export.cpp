#include "models/gguf_export.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "heng/error.h"
#include "models/gguf_names.h"
#include "models/gguf_stretch.h"
#include "models/model_parts.h"
#include "models/rope.h"
#include "models/rope_scaling.h"
#include "models/weight_check.h"
#include "models/weight_convert.h"

namespace heng::models {
namespace {

using checkpoint::GgufWriter;

// What is encoded before it is written, so much at most beside one row.
constexpr uint64_t kBandBytes = 16u << 20;

// The row of the registry that names the architecture in GGUF files: Meta's folders have a row of
// their own for the same model.
const Architecture& gguf_row(const WeightRequest& request) {
  for (const Architecture* a : all_architectures()) {
    if (a->name == request.architecture.name && !a->gguf_name.empty()) return *a;
  }
  throw Error(ErrorCode::kUnsupported, request.checkpoint.config_file() + ": architecture " +
                                           std::string(request.architecture.name) +
                                           " has no form in GGUF files.");
}

bool is_rotated(Part part) {
  return part == Part::kQ || part == Part::kK || part == Part::kQBias || part == Part::kKBias ||
         part == Part::kQNorm || part == Part::kKNorm;
}

// Which row of a head that rotates dimension i with i + dims / 2 stands at row `i` of one that
// rotates neighbours.
uint64_t row_of_pair(uint64_t row, uint64_t head_dim, uint64_t dims) {
  const uint64_t head = row / head_dim, i = row % head_dim;
  if (i >= dims) return row;  // not rotated
  return head * head_dim + i / 2 + i % 2 * (dims / 2);
}

// The same numbers with the rows of each head in pairs.
WeightSource in_pairs(WeightSource halves, uint64_t head_dim, uint64_t dims) {
  WeightSource pairs = halves;
  pairs.data = nullptr;
  pairs.read_rows = [source = std::move(halves), head_dim, dims](uint64_t first, uint64_t n,
                                                                 std::byte* out) {
    const uint64_t row_bytes = source.row_bytes();
    for (uint64_t row = first; row < first + n; ++row, out += row_bytes) {
      const uint64_t from = row_of_pair(row, head_dim, dims);
      if (source.data) {
        std::memcpy(out, source.data + from * row_bytes, row_bytes);
      } else {
        source.read_rows(from, 1, out);
      }
    }
  };
  return pairs;
}

class Exporter {
 public:
  Exporter(const WeightRequest& request, DType wanted)
      : request_(request),
        row_(gguf_row(request)),
        wanted_(wanted),
        turns_(request.spec.rope.style == ops::RopeStyle::kHalves &&
               gguf_rope_style(row_.gguf_name) == ops::RopeStyle::kPairs) {}

  std::vector<ExportTensor> all() {
    check_quantization(request_.checkpoint);
    check_layer_count(request_);
    add_divisors();
    for (const PartShape& part : vector_parts(request_.spec)) add_vector(part);
    for (const PartShape& part : matrix_parts(request_.spec)) add_matrix(part);
    check_all_used(request_, used_);
    return std::move(tensors_);
  }

 private:
  // The tensor that the part goes into, made where the part is its first.
  ExportTensor& tensor_for(const PartShape& part) {
    const TensorRef ref = gguf_tensor(row_, request_.spec, part.part, part.layer);
    if (tensors_.empty() || tensors_.back().name != ref.name) {
      if (ref.first_row != 0) throw Error(ErrorCode::kInternal, ref.name + ": begins half-way.");
      tensors_.emplace_back();
      tensors_.back().name = ref.name;
      tensors_.back().shape = {0};
    }
    return tensors_.back();
  }

  void add_vector(const PartShape& part) {
    const auto found = find_tensor(request_.architecture, request_.spec, request_.checkpoint,
                                   part.part, part.layer);
    used_.insert(found.name);
    auto values = read_vector(request_, part.part, part.layer, part.rows);
    ExportTensor& tensor = tensor_for(part);
    const DecoderSpec& s = request_.spec;
    for (uint64_t i = 0; i < part.rows; ++i) {
      const bool turned = turns_ && is_rotated(part.part);
      tensor.values.push_back(values[turned ? row_of_pair(i, s.head_dim, s.rope.dims) : i]);
    }
    tensor.shape[0] += part.rows;
  }

  void add_matrix(const PartShape& part) {
    WeightSource source = find_matrix(request_, part.part, part.layer, part.rows, part.cols);
    for (const auto* entry : source.entries) used_.insert(entry->name);
    if (turns_ && is_rotated(part.part)) {
      source = in_pairs(std::move(source), request_.spec.head_dim, request_.spec.rope.dims);
    }
    ExportTensor& tensor = tensor_for(part);
    tensor.shape.resize(2, part.cols);
    tensor.shape[0] += part.rows;
    tensor.dtype = type_for(wanted_, part.part, part.cols);
    tensor.pieces.push_back(std::move(source));
  }

  // LLaMA 3's stretched rotation is a tensor in GGUF: what each frequency is divided by.
  void add_divisors() {
    const RopeSpec& rope = request_.spec.rope;
    if (rope.scaling != RopeScaling::kLlama3 && rope.scaling != RopeScaling::kDivisors) return;
    RopeSpec plain = rope;
    plain.scaling = RopeScaling::kNone;
    ExportTensor tensor;
    tensor.name = "rope_freqs.weight";
    tensor.shape = {rope.dims / 2};
    tensor.values = inverse_frequencies(plain, rope.base);
    const auto stretched = inverse_frequencies(rope, rope.base);
    for (size_t i = 0; i < stretched.size(); ++i) tensor.values[i] /= stretched[i];
    if (rope.scaling == RopeScaling::kDivisors) tensor.values = rope.divisors;
    tensors_.push_back(std::move(tensor));
  }

  const WeightRequest& request_;
  const Architecture& row_;
  const DType wanted_;
  const bool turns_;
  std::vector<ExportTensor> tensors_;
  std::set<std::string> used_;
};

uint32_t u32(size_t value) {
  return static_cast<uint32_t>(value);
}

// What readers stretch by the factor of the file: the length before it. Yarn's file says both.
uint32_t context_length(const DecoderSpec& s) {
  if (s.rope.scaling == RopeScaling::kYarn) return u32(s.max_context);
  const bool stretched = s.max_context > s.trained_context;
  if (s.rope.scaling != RopeScaling::kLinear || stretched) return u32(s.trained_context);
  return u32(static_cast<size_t>(static_cast<float>(s.max_context) / s.rope.factor));
}

void export_rope(const DecoderSpec& s, const std::string& prefix, GgufWriter& out) {
  const RopeSpec& rope = s.rope;
  out.set(prefix + "rope.freq_base", rope.base);
  out.set(prefix + "rope.dimension_count", u32(rope.dims));
  const std::string scaling = prefix + "rope.scaling.";
  if (rope.scaling == RopeScaling::kLinear) {
    out.set(scaling + "type", "linear");
    out.set(scaling + "factor", rope.factor);
  }
  if (rope.scaling == RopeScaling::kYarn) {
    out.set(scaling + "type", "yarn");
    out.set(scaling + "factor", rope.factor);
    out.set(scaling + "original_context_length", u32(rope.original_context));
    out.set(scaling + "yarn_beta_slow", rope.low);
    out.set(scaling + "yarn_beta_fast", rope.high);
    const double own = yarn_sharpness(rope.factor);  // what readers multiply in by themselves
    out.set(scaling + "attn_factor", static_cast<float>(rope.attention_factor / own));
  }
}

}  // namespace

std::string gguf_architecture(const WeightRequest& request) {
  return std::string(gguf_row(request).gguf_name);
}

std::vector<ExportTensor> export_tensors(const WeightRequest& request, DType wanted) {
  return Exporter(request, wanted).all();
}

void export_metadata(const WeightRequest& request, std::string_view name, GgufWriter& out) {
  const Architecture& row = gguf_row(request);
  const DecoderSpec& s = request.spec;
  const std::string prefix = std::string(row.gguf_name) + ".";
  out.set("general.architecture", row.gguf_name);
  out.set("general.type", "model");
  out.set("general.name", name);
  out.set(prefix + "block_count", u32(s.n_layers));
  out.set(prefix + "context_length", context_length(s));
  out.set(prefix + "embedding_length", u32(s.hidden));
  out.set(prefix + "feed_forward_length", u32(s.ffn * row.gguf_ffn_parts));
  out.set(prefix + "attention.head_count", u32(s.n_heads));
  out.set(prefix + "attention.head_count_kv", u32(s.n_kv_heads));
  if (s.head_dim * s.n_heads != s.hidden) {
    out.set(prefix + "attention.key_length", u32(s.head_dim));
    out.set(prefix + "attention.value_length", u32(s.head_dim));
  }
  out.set(prefix + "attention.layer_norm_rms_epsilon", s.norm_eps);
  out.set(prefix + "vocab_size", u32(s.vocabulary));
  export_rope(s, prefix, out);
  write_stretch(s, out);
}

void export_file_type(DType wanted, GgufWriter& out) {
  // llama_ftype of llama.h: "mostly" of that type.
  constexpr std::pair<DType, uint32_t> kTypes[] = {{DType::kF32, 0},   {DType::kF16, 1},
                                                   {DType::kQ4_0, 2},  {DType::kQ8_0, 7},
                                                   {DType::kQ4_K, 14}, {DType::kBF16, 32}};
  constexpr uint32_t kQuantizationVersion = 2;  // GGML_QNT_VERSION
  for (const auto& [dtype, number] : kTypes) {
    if (dtype == wanted) out.set("general.file_type", number);
  }
  out.set("general.quantization_version", kQuantizationVersion);
}

void write_tensor(const ExportTensor& tensor, ThreadPool& pool, GgufWriter& out,
                  const std::function<void(uint64_t bytes)>& on_progress) {
  if (tensor.pieces.empty()) out.write(std::as_bytes(std::span(tensor.values)));
  const formats::WeightFormat& format = *formats::find_format(tensor.dtype);
  std::vector<std::byte> band;
  for (const WeightSource& piece : tensor.pieces) {
    const uint64_t row_bytes = piece.cols / format.block_length * format.block_bytes;
    const uint64_t step = std::max<uint64_t>(kBandBytes / row_bytes / 16, 1) * 16;
    for (uint64_t first = 0; first < piece.rows; first += step) {
      const uint64_t n = std::min(step, piece.rows - first);
      band.resize(n * row_bytes);
      convert_rows(piece, first, n, format, band.data(), pool);
      out.write(band);
      on_progress(band.size());
    }
  }
}

}  // namespace heng::models
