#include "models/lora.h"

#include <algorithm>
#include <mutex>

#include "base/message.h"
#include "heng/error.h"
#include "models/hf_decoder.h"

namespace heng::models {
namespace {

using checkpoint::LoraAdapter;
using checkpoint::LoraPair;
using checkpoint::TensorEntry;

// Which base an adapter is for, for errors.
std::string made_for(const LoraAdapter& adapter) {
  const std::string& base = adapter.config().base_model;
  return base.empty() ? " The adapter seems made for another base model."
                      : " The adapter says it was made for \"" + printable(base) + "\".";
}

[[noreturn]] void fail_unfit(const LoraAdapter& adapter, const TensorEntry& entry,
                             const std::string& problem) {
  throw Error(ErrorCode::kUnsupported,
              entry.file + ": tensor " + printable(entry.name) + " " + problem + made_for(adapter));
}

const formats::WeightFormat& plain_format_of(const TensorEntry& entry) {
  const formats::WeightFormat* format = formats::find_format(entry.view.dtype);
  if (format == nullptr || format->block_length != 1) {
    throw Error(ErrorCode::kUnsupported, entry.file + ": tensor " + printable(entry.name) + " is " +
                                             std::string(dtype_name(entry.view.dtype)) +
                                             ", expected f32, f16 or bf16.");
  }
  return *format;
}

// scale * B A for some rows of one matrix. A is decoded when the first row is asked for.
class Delta {
 public:
  Delta(const LoraPair& pair)
      : a_entry_(*pair.a),
        b_entry_(*pair.b),
        a_format_(plain_format_of(*pair.a)),
        b_format_(plain_format_of(*pair.b)),
        scale_(pair.scale),
        rank_(pair.a->view.shape[0]),
        cols_(pair.a->view.shape[1]) {}

  // Writes row `row` of the delta [cols], in fp32: sums over the rank go from its first to its
  // last.
  void read_row(uint64_t row, float* out) const {
    std::call_once(a_is_read_, [&] {
      a_.resize(rank_ * cols_);
      a_format_.decode_row(a_entry_.view.data, a_.data(), a_.size());
    });
    std::vector<float> b(rank_);
    b_format_.decode_row(b_entry_.view.data + row * rank_ * b_format_.block_bytes, b.data(), rank_);
    // A piece of the row stays in the innermost cache while all of A passes by it.
    constexpr uint64_t kPiece = 1024;
    for (uint64_t first = 0; first < cols_; first += kPiece) {
      const uint64_t n = std::min(kPiece, cols_ - first);
      multiply(b.data(), a_.data() + first, n, out + first);
    }
  }

 private:
  // Four steps of the rank at a time: each sum is loaded and stored a quarter as often.
  void multiply(const float* b, const float* a, uint64_t n, float* __restrict out) const {
    std::fill(out, out + n, 0.0f);
    uint64_t r = 0;
    for (; r + 4 <= rank_; r += 4) {
      const float b0 = b[r], b1 = b[r + 1], b2 = b[r + 2], b3 = b[r + 3];
      const float *a0 = a + r * cols_, *a1 = a0 + cols_, *a2 = a1 + cols_, *a3 = a2 + cols_;
      for (uint64_t i = 0; i < n; ++i) {
        out[i] = out[i] + b0 * a0[i] + b1 * a1[i] + b2 * a2[i] + b3 * a3[i];
      }
    }
    for (; r < rank_; ++r) {
      for (uint64_t i = 0; i < n; ++i) out[i] += b[r] * a[r * cols_ + i];
    }
    for (uint64_t i = 0; i < n; ++i) out[i] *= scale_;
  }

  const TensorEntry &a_entry_, &b_entry_;
  const formats::WeightFormat &a_format_, &b_format_;
  const float scale_;
  const uint64_t rank_, cols_;
  mutable std::once_flag a_is_read_;
  mutable std::vector<float> a_;  // [rank, cols]
};

// A source and what is added to its rows, in the format of the sum.
class Sum {
 public:
  Sum(WeightSource source, const formats::WeightFormat& format, uint64_t first_row, RowOrder order)
      : source_(std::move(source)), format_(format), first_row_(first_row), order_(order) {}

  void add(const LoraPair& pair) { deltas_.push_back(std::make_unique<Delta>(pair)); }
  bool empty() const { return deltas_.empty(); }
  const WeightSource& source() const { return source_; }

  void read_rows(uint64_t first, uint64_t n, std::byte* out) const {
    std::vector<float> sum(source_.cols), delta(source_.cols);
    std::vector<std::byte> stored(source_.data ? 0 : n * source_.row_bytes());
    const uint64_t row_bytes = source_.cols * format_.block_bytes;
    if (!source_.data) source_.read_rows(first, n, stored.data());
    const std::byte* rows =
        source_.data ? source_.data + first * source_.row_bytes() : stored.data();
    for (uint64_t i = 0; i < n; ++i, out += row_bytes) {
      decode_row(source_, rows + i * source_.row_bytes(), sum.data());
      if (is_converted()) round(sum.data(), out);
      for (const auto& part : deltas_) {
        part->read_row(first_row_ + row_in_layout(first + i), delta.data());
        round(delta.data(), out);
        for (size_t c = 0; c < sum.size(); ++c) sum[c] += delta[c];
        round(sum.data(), out);
      }
      format_.encode_row(sum.data(), out, sum.size());
    }
  }

 private:
  // A quantised base is not rounded before its deltas are added.
  bool is_converted() const {
    return source_.format->block_length == 1 && source_.format != &format_;
  }

  void round(float* values, std::byte* scratch) const {
    if (format_.dtype == DType::kF32) return;
    format_.encode_row(values, scratch, source_.cols);
    format_.decode_row(scratch, values, source_.cols);
  }

  // Neighbours 2 i and 2 i + 1 of a head are rows i and i + half in the Hugging Face layout.
  uint64_t row_in_layout(uint64_t row) const {
    if (order_.head_dim == 0) return row;
    const uint64_t in_head = row % order_.head_dim;
    return row - in_head + in_head / 2 + in_head % 2 * (order_.head_dim / 2);
  }

  WeightSource source_;
  const formats::WeightFormat& format_;
  uint64_t first_row_;
  RowOrder order_;
  std::vector<std::unique_ptr<Delta>> deltas_;
};

void check_pair(const LoraAdapter& adapter, const LoraPair& pair, uint64_t rows, uint64_t cols,
                const std::string& tensor) {
  const auto fail = [&](const TensorEntry& entry, const std::string& expected) {
    fail_unfit(adapter, entry,
               "has shape " + to_string(entry.view.shape) + ", expected " + expected + " by " +
                   tensor + " of the base.");
  };
  const std::string rank = std::to_string(pair.a->view.shape[0]);
  if (pair.a->view.shape[1] != cols) fail(*pair.a, "[" + rank + ", " + std::to_string(cols) + "]");
  if (pair.b->view.shape[0] != rows) fail(*pair.b, "[" + std::to_string(rows) + ", " + rank + "]");
}

}  // namespace

DType sum_type_for(const TensorEntry& entry) {
  const DType stored = entry.view.dtype;
  if (stored == DType::kF64) return DType::kF32;
  return stored == DType::kF32 || stored == DType::kBF16 ? stored : DType::kF16;
}

bool LoraStack::touches(std::string_view tensor) const {
  return std::any_of(adapters.begin(), adapters.end(), [&](const auto& adapter) {
    return adapter->find_pair(tensor) || adapter->find_saved(tensor);
  });
}

const TensorEntry* LoraStack::replacement(std::string_view tensor) const {
  for (size_t i = adapters.size(); i-- > 0;) {
    if (const TensorEntry* saved = adapters[i]->find_saved(tensor)) return saved;
  }
  return nullptr;
}

TensorRef in_hf_layout(const Architecture& architecture, const DecoderSpec& spec, Part part,
                       size_t layer) {
  if (architecture.folders == checkpoint::Kind::kMeta) return {hf_tensor_name(part, layer)};
  return architecture.tensor(spec, part, layer);
}

void fit_vocabulary(const LoraStack& loras, const Architecture& architecture, DecoderSpec& spec) {
  const std::string embedding = in_hf_layout(architecture, spec, Part::kEmbedding, 0).name;
  const std::string head = in_hf_layout(architecture, spec, Part::kHead, 0).name;
  uint64_t table_rows = spec.vocabulary, head_rows = spec.vocabulary;
  for (const auto& adapter : loras.adapters) {
    const TensorEntry* last = nullptr;
    for (const auto& [name, rows] : {std::pair{&embedding, &table_rows}, {&head, &head_rows}}) {
      const TensorEntry* saved = adapter->find_saved(*name);
      if (!saved) continue;
      last = saved;
      if (spec.tied_head && rows == &head_rows) {
        fail_unfit(
            *adapter, *saved,
            "is an output head, but the base has none of its own: its embedding table serves "
            "as one (tie_word_embeddings).");
      }
      const Shape& shape = saved->view.shape;
      if (shape.size() != 2 || shape[0] == 0 || shape[1] != spec.hidden) {
        fail_unfit(*adapter, *saved,
                   "has shape " + to_string(shape) + ", expected [vocabulary, " +
                       std::to_string(spec.hidden) + "] by the base.");
      }
      *rows = shape[0];
    }
    if (!last || spec.tied_head || table_rows == head_rows) continue;
    fail_unfit(*adapter, *last,
               "has " + with_commas(last->view.shape[0]) + " rows: then embedding table (" +
                   with_commas(table_rows) + ") and output head (" + with_commas(head_rows) +
                   ") do not have the same vocabulary.");
  }
  spec.vocabulary = table_rows;
}

WeightSource add_deltas(WeightSource source, const TensorRef& ref, const LoraStack& loras,
                        DType sum_type, RowOrder order) {
  const formats::WeightFormat& format = *formats::find_format(sum_type);
  WeightSource out = source;
  auto sum = std::make_shared<Sum>(std::move(source), format, ref.first_row, order);
  const TensorEntry* replacement = loras.replacement(ref.name);
  bool replaced = replacement == nullptr;  // by the last that there is
  for (const auto& adapter : loras.adapters) {
    const TensorEntry* saved = adapter->find_saved(ref.name);
    if (saved) out.entries.push_back(saved);
    if (saved == replacement && saved) replaced = true;
    const LoraPair* pair = adapter->find_pair(ref.name);
    if (!pair) continue;
    out.entries.insert(out.entries.end(), {pair->a, pair->b});
    check_pair(*adapter, *pair, ref.total_rows ? ref.total_rows : out.rows, out.cols, ref.name);
    if (!replaced) continue;
    sum->add(*pair);
    out.name += " + " + adapter->name();
  }
  if (sum->empty() && out.format == &format) return out;
  out.format = &format;
  out.data = nullptr;
  out.input_order = nullptr;  // sums have their columns as the inputs come
  out.read_rows = [sum](uint64_t first, uint64_t n, std::byte* rows) {
    sum->read_rows(first, n, rows);
  };
  return out;
}

WeightSource merged_tensor(const TensorEntry& entry, const LoraStack& loras) {
  const TensorEntry* saved = loras.replacement(entry.name);
  const TensorEntry& from = saved ? *saved : entry;
  const Shape& shape = from.view.shape;
  WeightSource s;
  s.name = from.file + ": tensor " + from.name;
  s.format = &plain_format_of(from);
  s.rows = shape.size() == 2 ? shape[0] : 1;
  s.cols = shape.size() == 2 ? shape[1] : element_count(shape, s.name);
  s.data = from.view.data;
  s.entries = {&from};
  if (!loras.touches(entry.name)) return s;
  return add_deltas(std::move(s), {entry.name}, loras,
                    loras.sum_type.value_or(sum_type_for(entry)));
}

void check_loras_used(const LoraStack& loras, const std::set<const TensorEntry*>& used) {
  for (const auto& adapter : loras.adapters) {
    const auto check = [&](const TensorEntry* entry) {
      if (used.contains(entry)) return;
      fail_unfit(*adapter, *entry, "has no place in the base model.");
    };
    for (const auto& [module, pair] : adapter->pairs()) check(pair.a);
    for (const auto& [tensor, entry] : adapter->saved()) check(entry);
  }
}

}  // namespace heng::models
