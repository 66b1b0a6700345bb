#include "models/group_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "base/half.h"
#include "formats/int_group.h"
#include "heng/error.h"

namespace heng::models {
namespace {

using checkpoint::Checkpoint;
using checkpoint::TensorEntry;

std::string name_of(const TensorEntry& entry) {
  return entry.file + ": tensor " + entry.name;
}

uint32_t word_at(const std::byte* words, uint64_t index) {
  uint32_t word;
  std::memcpy(&word, words + 4 * index, 4);
  return word;
}

// One module's tensors, their shapes checked, and which of its rows are wanted.
struct Module {
  GroupLayout layout;
  const TensorEntry *qweight, *qzeros, *scales, *g_idx;  // g_idx: nullptr where there is none
  const formats::WeightFormat* scale_format;
  uint64_t outputs, inputs, group_size, first_row;
  std::shared_ptr<const ops::InputOrder> order;  // inputs by group; nullptr: as they come

  uint32_t per_word() const { return 32 / layout.bits; }
  uint32_t mask() const { return (1u << layout.bits) - 1; }
  uint32_t shift(uint64_t output) const { return layout.lanes[output % per_word()] * layout.bits; }

  uint8_t zero(uint64_t group, uint64_t output) const {
    const uint64_t at = group * (outputs / per_word()) + output / per_word();
    const uint32_t stored = word_at(qzeros->view.data, at) >> shift(output);
    return static_cast<uint8_t>((stored + layout.zero_add) & mask());
  }

  // Throws where fp16, in which every published file has them, cannot hold it.
  uint16_t half_scale(uint64_t group, uint64_t output) const {
    const uint64_t at = (group * outputs + output) * scale_format->block_bytes;
    float value = 0;
    scale_format->decode_row(scales->view.data + at, &value, 1);
    if (!std::isfinite(value)) fail_not_finite(name_of(*scales));
    const uint16_t half = float_to_half(value);
    if (half_to_float(half) != value) {
      throw Error(ErrorCode::kUnsupported,
                  name_of(*scales) + " holds a scale that fp16 cannot hold, expected fp16 scales.");
    }
    return half;
  }
};

// Integers [n, inputs] of outputs [first, first + n), where a word holds neighbouring inputs.
void unpack_input_words(const Module& m, uint64_t first, uint64_t n, uint8_t* q) {
  const uint32_t per_word = m.per_word();
  for (uint64_t w = 0; w < m.inputs / per_word; ++w) {
    for (uint64_t r = 0; r < n; ++r) {
      uint64_t bytes = word_at(m.qweight->view.data, w * m.outputs + first + r);
      if (m.layout.bits == 4) {  // one nibble a byte, the order kept
        bytes = (bytes | bytes << 16) & 0x0000ffff0000ffff;
        bytes = (bytes | bytes << 8) & 0x00ff00ff00ff00ff;
        bytes = (bytes | bytes << 4) & 0x0f0f0f0f0f0f0f0f;
      }
      std::memcpy(q + r * m.inputs + w * per_word, &bytes, per_word);
    }
  }
}

// The same where a word holds neighbouring outputs.
void unpack_output_words(const Module& m, uint64_t first, uint64_t n, uint8_t* q) {
  const uint64_t per_word = m.per_word(), words = m.outputs / per_word;
  for (uint64_t r = 0; r < n;) {
    const uint64_t column = (first + r) / per_word;
    const uint64_t end = std::min(n, (column + 1) * per_word - first);  // of the outputs in it
    uint32_t shifts[8];
    for (uint64_t i = r; i < end; ++i) shifts[i - r] = m.shift(first + i);
    for (uint64_t i = 0; i < m.inputs; ++i) {
      const uint32_t word = word_at(m.qweight->view.data, i * words + column);
      for (uint64_t row = r; row < end; ++row) {
        q[row * m.inputs + i] = static_cast<uint8_t>(word >> shifts[row - r] & m.mask());
      }
    }
    r = end;
  }
}

// One output's integers [inputs] -> its row in blocks of `Format`.
template <typename Format>
void write_row(const Module& m, uint64_t output, const uint8_t* q, std::byte* out) {
  uint8_t sorted[Format::kLength];
  for (uint64_t at = 0; at < m.inputs; at += Format::kLength) {
    const uint64_t group = at / m.group_size;
    for (uint64_t i = 0; i < Format::kLength; ++i) {
      sorted[i] = q[m.order ? (*m.order)[at + i] : at + i];
    }
    const typename Format::Block block =
        Format::make(m.half_scale(group, output), m.zero(group, output), sorted);
    std::memcpy(out, &block, sizeof(block));
    out += sizeof(block);
  }
}

void write_row(const Module& m, DType dtype, uint64_t output, const uint8_t* q, std::byte* out) {
  switch (dtype) {
    case DType::kInt4G32:
      return write_row<formats::Int4G32>(m, output, q, out);
    case DType::kInt4G128:
      return write_row<formats::Int4G128>(m, output, q, out);
    case DType::kInt8G32:
      return write_row<formats::Int8G32>(m, output, q, out);
    default:
      return write_row<formats::Int8G128>(m, output, q, out);
  }
}

void read_rows(const Module& m, const formats::WeightFormat& format, uint64_t first, uint64_t n,
               std::byte* out) {
  const uint64_t row_bytes = m.inputs / format.block_length * format.block_bytes;
  std::vector<uint8_t> q(n * m.inputs);
  const uint64_t output = m.first_row + first;
  const bool of_inputs = m.layout.words == GroupLayout::Words::kOfInputs;
  of_inputs ? unpack_input_words(m, output, n, q.data())
            : unpack_output_words(m, output, n, q.data());
  for (uint64_t r = 0; r < n; ++r) {
    write_row(m, format.dtype, output + r, q.data() + r * m.inputs, out + r * row_bytes);
  }
}

[[noreturn]] void fail(ErrorCode code, const TensorEntry& entry, const std::string& problem) {
  throw Error(code, name_of(entry) + " " + problem);
}

// "transformer.h.0.attn.c_attn." for its weight; empty for other tensors.
std::string module_of(const TensorRef& ref) {
  constexpr std::string_view kWeight = "weight";
  if (!ref.name.ends_with("." + std::string(kWeight))) return "";
  return ref.name.substr(0, ref.name.size() - kWeight.size());
}

const TensorEntry* find_part(const Checkpoint& checkpoint, const std::string& name, Shape shape) {
  const TensorEntry* entry = checkpoint.find(name);
  if (entry == nullptr) return nullptr;
  check_shape(*entry, shape);
  return entry;
}

const TensorEntry& need_part(const Checkpoint& checkpoint, const std::string& name, Shape shape) {
  if (const TensorEntry* entry = find_part(checkpoint, name, std::move(shape))) return *entry;
  throw Error(ErrorCode::kCorrupt, checkpoint.path().filename().string() + ": tensor " + name +
                                       " is missing. The checkpoint is incomplete.");
}

void check_words(const TensorEntry& entry) {
  if (entry.view.dtype == DType::kI32) return;
  fail(ErrorCode::kUnsupported, entry,
       "is " + std::string(dtype_name(entry.view.dtype)) + ", expected i32.");
}

// Where qweight has the shape of other bits than the configuration says.
void check_bits(const TensorEntry& qweight, const GroupLayout& layout, uint64_t outputs,
                uint64_t inputs) {
  for (const uint32_t bits : {2u, 3u, 4u, 8u}) {
    const Shape shape = layout.words == GroupLayout::Words::kOfInputs
                            ? Shape{inputs * bits / 32, outputs}
                            : Shape{inputs, outputs * bits / 32};
    if (bits == layout.bits || qweight.view.shape != shape) continue;
    fail(ErrorCode::kCorrupt, qweight,
         "has shape " + to_string(shape) + ", integers of " + std::to_string(bits) +
             " bits, expected " + std::to_string(layout.bits) + " bits by the configuration.");
  }
}

// Inputs sorted by group, or nullptr where they are as they come. Throws where a group does not
// have group_size of them.
std::shared_ptr<const ops::InputOrder> read_order(const TensorEntry& g_idx, bool act_order,
                                                  uint64_t group_size) {
  const uint64_t inputs = g_idx.view.shape[0], groups = inputs / group_size;
  std::vector<uint64_t> next(groups + 1);
  bool is_sorted = true, all_zero = true;
  for (uint64_t i = 0; i < inputs; ++i) {
    const uint32_t group = word_at(g_idx.view.data, i);
    if (group >= groups) {
      fail(ErrorCode::kCorrupt, g_idx,
           "says that input " + std::to_string(i) + " is of group " +
               std::to_string(static_cast<int32_t>(group)) + ", expected below " +
               std::to_string(groups) + ".");
    }
    ++next[group + 1];
    all_zero = all_zero && group == 0;
    is_sorted = is_sorted && (i == 0 || word_at(g_idx.view.data, i - 1) <= group);
  }
  // Without act-order upstream does not read g_idx, and some files never filled it.
  if (all_zero && !act_order) return nullptr;
  for (uint64_t group = 0; group < groups; ++group) {
    if (next[group + 1] == group_size) continue;
    fail(ErrorCode::kCorrupt, g_idx,
         "gives group " + std::to_string(group) + " " + std::to_string(next[group + 1]) +
             " inputs, expected " + std::to_string(group_size) + ".");
  }
  if (is_sorted) return nullptr;
  ops::InputOrder order(inputs);
  for (uint64_t group = 0; group < groups; ++group) next[group] = group * group_size;
  for (uint64_t i = 0; i < inputs; ++i) {
    order[next[word_at(g_idx.view.data, i)]++] = static_cast<uint32_t>(i);
  }
  return std::make_shared<const ops::InputOrder>(std::move(order));
}

// Finds and checks all tensors of a module but the order.
Module find_module(const Checkpoint& c, const GroupLayout& layout, const std::string& name,
                   uint64_t outputs, uint64_t inputs) {
  Module m{};
  m.layout = layout;
  m.outputs = outputs;
  m.inputs = inputs;
  m.group_size = layout.group_size ? layout.group_size : inputs;
  m.qweight = c.find(name + "qweight");
  if (inputs % formats::Int4G32::kLength != 0 || inputs % m.group_size != 0) {
    fail(ErrorCode::kUnsupported, *m.qweight,
         "has " + std::to_string(inputs) + " inputs, expected a multiple of " +
             std::to_string(layout.group_size ? layout.group_size : 32) + ", the group size.");
  }
  if (outputs % m.per_word() != 0) {
    fail(ErrorCode::kUnsupported, *m.qweight,
         "has " + std::to_string(outputs) + " outputs, expected a multiple of " +
             std::to_string(m.per_word()) + ".");
  }
  const bool of_inputs = layout.words == GroupLayout::Words::kOfInputs;
  const uint64_t groups = inputs / m.group_size, out_words = outputs / m.per_word();
  check_bits(*m.qweight, layout, outputs, inputs);
  check_shape(*m.qweight,
              of_inputs ? Shape{inputs / m.per_word(), outputs} : Shape{inputs, out_words});
  m.qzeros = &need_part(c, name + "qzeros", {groups, out_words});
  m.scales = &need_part(c, name + "scales", {groups, outputs});
  check_words(*m.qweight);
  check_words(*m.qzeros);
  m.scale_format = formats::find_format(m.scales->view.dtype);
  if (m.scale_format == nullptr || m.scale_format->block_length != 1) {
    fail(ErrorCode::kUnsupported, *m.scales,
         "is " + std::string(dtype_name(m.scales->view.dtype)) + ", expected f16.");
  }
  if (layout.has_g_idx) {
    m.g_idx = layout.act_order ? &need_part(c, name + "g_idx", {inputs})
                               : find_part(c, name + "g_idx", {inputs});
    if (m.g_idx) check_words(*m.g_idx);
  }
  return m;
}

DType block_type(uint32_t bits, uint64_t group_size) {
  if (group_size % formats::Int4G128::kLength == 0) {
    return bits == 4 ? DType::kInt4G128 : DType::kInt8G128;
  }
  return bits == 4 ? DType::kInt4G32 : DType::kInt8G32;
}

// Throws where a module has neither a plain weight nor packed ones, or only some of these.
void check_plain(const Checkpoint& c, const TensorRef& ref, const std::string& name) {
  const bool has_rest =
      c.find(name + "qzeros") || c.find(name + "scales") || c.find(name + "g_idx");
  if (c.find(ref.name) != nullptr && !has_rest) return;
  throw Error(ErrorCode::kCorrupt,
              c.path().filename().string() + ": tensor " + name + "qweight is missing" +
                  (has_rest ? "" : ", and so is " + ref.name) + ". The checkpoint is incomplete.");
}

}  // namespace

uint64_t read_group_size(const JsonObject& quantization, std::string_view key) {
  const int64_t size = quantization.integer(key, -1, int64_t{1} << 24);
  if (size == -1) return 0;
  if (size > 0 && size % formats::Int4G32::kLength == 0) return static_cast<uint64_t>(size);
  throw Error(ErrorCode::kUnsupported, quantization.where(key) + " is " + std::to_string(size) +
                                           ", expected -1 or a multiple of 32.");
}

std::string describe_groups(const GroupLayout& layout) {
  return "int" + std::to_string(layout.bits) +
         (layout.group_size ? ", group " + std::to_string(layout.group_size) : ", one group a row");
}

std::optional<WeightSource> find_group_matrix(const Checkpoint& checkpoint,
                                              const GroupLayout& layout, const TensorRef& ref,
                                              uint64_t rows, uint64_t cols) {
  const std::string name = module_of(ref);
  if (name.empty()) return std::nullopt;
  if (checkpoint.find(name + "qweight") == nullptr) {
    check_plain(checkpoint, ref, name);
    return std::nullopt;
  }
  const uint64_t outputs = ref.total_rows ? ref.total_rows : rows;
  Module m = find_module(checkpoint, layout, name, outputs, cols);
  m.first_row = ref.first_row;
  if (m.g_idx) m.order = read_order(*m.g_idx, layout.act_order, m.group_size);
  WeightSource s;
  s.input_order = m.order;
  s.name = name_of(*m.qweight);
  s.format = formats::find_format(block_type(layout.bits, m.group_size));
  s.rows = rows;
  s.cols = cols;
  for (const TensorEntry* entry : {m.qweight, m.qzeros, m.scales, m.g_idx}) {
    if (entry == nullptr) continue;
    s.entries.push_back(entry);
    s.stored_bytes += byte_count(entry->view.shape, entry->view.dtype, entry->name);
  }
  s.stored_bytes = s.stored_bytes / outputs * rows;
  s.read_rows = [m = std::move(m), format = s.format](uint64_t first, uint64_t n, std::byte* out) {
    read_rows(m, *format, first, n, out);
  };
  return s;
}

}  // namespace heng::models
