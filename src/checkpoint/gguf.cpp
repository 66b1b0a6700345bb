// Layout of a .gguf file (ggml docs/gguf.md), all numbers little-endian:
//
//   | "GGUF" | version u32 | tensor count u64 | metadata count u64 |
//   | metadata: key, type u32, value | ... | tensor: name, dims, type, offset | ... |
//   | padding to general.alignment | tensor data, each at a multiple of the alignment |
//
// A text is its length, u64, and its bytes. Offsets of tensors count from the start of the data.
// Sizes of a tensor are stored innermost first; our shapes are outermost first.
#include <array>
#include <bit>
#include <unordered_set>

#include "base/bytes.h"
#include "base/message.h"
#include "checkpoint/ggml_types.h"
#include "checkpoint/parse.h"

namespace heng::checkpoint {
namespace {

constexpr uint64_t kMaxTextBytes = 16u << 20;
constexpr uint64_t kMaxArrayItems = 16u << 20;
constexpr uint64_t kMaxNameBytes = 65535;  // docs/gguf.md: keys are at most 2^16 - 1 bytes
constexpr uint32_t kMaxDims = 4;           // GGML_MAX_DIMS
constexpr uint64_t kMaxAlignment = 1u << 20;
constexpr uint64_t kDefaultAlignment = 32;  // GGUF_DEFAULT_ALIGNMENT
// The fewest bytes that one record can take; counts are held against them before anything is
// reserved.
constexpr uint64_t kMinMetadataBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 4 + 8;

// gguf_metadata_value_type
enum class ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

class GgufReader {
 public:
  GgufReader(std::span<const std::byte> bytes, std::string_view file)
      : bytes_(bytes), file_(file), reader_(bytes, file) {}

  ParsedFile read();

 private:
  [[noreturn]] void fail(ErrorCode code, const std::string& text) const {
    throw Error(code, std::string(file_) + ": " + text);
  }
  void check_head();
  uint64_t read_count(const char* what, uint64_t min_bytes);
  std::string read_text(std::string_view field, uint64_t limit);
  std::string read_name(std::string_view field);
  void read_metadata(uint64_t count);
  Json read_scalar(ValueType type, const std::string& field);
  Json read_array(const std::string& field);
  void check_not_split() const;
  uint64_t alignment() const;
  void read_tensor();
  void place_tensors();

  std::span<const std::byte> bytes_;
  std::string_view file_;
  ByteReader reader_;
  ParsedFile out_;
  std::vector<uint64_t> offsets_;  // of out_.tensors, from the start of the data
};

ParsedFile GgufReader::read() {
  check_head();
  const uint64_t n_tensors = read_count("the tensor count", kMinTensorBytes);
  const uint64_t n_metadata = read_count("the metadata count", kMinMetadataBytes);
  read_metadata(n_metadata);
  check_not_split();
  out_.tensors.reserve(n_tensors);
  offsets_.reserve(n_tensors);
  for (uint64_t i = 0; i < n_tensors; ++i) read_tensor();
  place_tensors();
  return std::move(out_);
}

void GgufReader::check_head() {
  const auto magic = reader_.take(4, "the magic number");
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), 4) != "GGUF") {
    fail(ErrorCode::kCorrupt, "does not start with the bytes GGUF: no GGUF file.");
  }
  const auto version = reader_.read<uint32_t>("the version");
  if (version == 2 || version == 3) return;
  if (const uint32_t swapped = __builtin_bswap32(version); swapped >= 1 && swapped <= 3) {
    fail(ErrorCode::kUnsupported,
         "a big-endian GGUF file. Fetch the little-endian one (nearly every published file is).");
  }
  fail(ErrorCode::kUnsupported, "GGUF version " + std::to_string(version) +
                                    ", supported are 2 and 3. Convert the model again with a " +
                                    (version < 2 ? "current" : "version 3") + " converter.");
}

uint64_t GgufReader::read_count(const char* what, uint64_t min_bytes) {
  const auto count = reader_.read<uint64_t>(what);
  if (count > reader_.remaining() / min_bytes) {
    fail(ErrorCode::kCorrupt, std::string(what) + " is " + with_commas(count) + ", the " +
                                  with_commas(reader_.remaining()) + " bytes left hold at most " +
                                  with_commas(reader_.remaining() / min_bytes) +
                                  ". The file is damaged or incomplete.");
  }
  return count;
}

std::string GgufReader::read_text(std::string_view field, uint64_t limit) {
  const auto length = reader_.read<uint64_t>(field);
  if (length > limit) {
    fail(ErrorCode::kCorrupt, std::string(field) + " has " + with_commas(length) +
                                  " bytes, expected at most " + with_commas(limit) +
                                  ". The file is damaged.");
  }
  const auto text = reader_.take(length, field);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

std::string GgufReader::read_name(std::string_view field) {
  std::string name = read_text(field, kMaxNameBytes);
  if (name.empty()) fail(ErrorCode::kCorrupt, std::string(field) + " is empty.");
  return name;
}

void GgufReader::read_metadata(uint64_t count) {
  out_.metadata = Json::object();
  for (uint64_t i = 0; i < count; ++i) {
    std::string key = read_name("a metadata key");
    const std::string field = printable(key);
    const uint64_t begin = reader_.position();
    const auto type = static_cast<ValueType>(reader_.read<uint32_t>(field));
    Json value = type == ValueType::kArray ? read_array(field) : read_scalar(type, field);
    out_.records.push_back({key, bytes_.subspan(begin, reader_.position() - begin)});
    if (!out_.metadata.emplace(std::move(key), std::move(value)).second) {
      fail(ErrorCode::kCorrupt, "metadata " + field + " is there twice. The file is damaged.");
    }
  }
}

Json GgufReader::read_scalar(ValueType type, const std::string& field) {
  switch (type) {
    case ValueType::kU8:
      return reader_.read<uint8_t>(field);
    case ValueType::kI8:
      return reader_.read<int8_t>(field);
    case ValueType::kU16:
      return reader_.read<uint16_t>(field);
    case ValueType::kI16:
      return reader_.read<int16_t>(field);
    case ValueType::kU32:
      return reader_.read<uint32_t>(field);
    case ValueType::kI32:
      return reader_.read<int32_t>(field);
    case ValueType::kU64:
      return reader_.read<uint64_t>(field);
    case ValueType::kI64:
      return reader_.read<int64_t>(field);
    case ValueType::kF32:
      return reader_.read<float>(field);
    case ValueType::kF64:
      return reader_.read<double>(field);
    case ValueType::kString:
      return read_text(field, kMaxTextBytes);
    case ValueType::kBool: {
      const auto value = reader_.read<uint8_t>(field);
      if (value <= 1) return value == 1;
      fail(ErrorCode::kCorrupt, field + ": expected true (1) or false (0), found " +
                                    std::to_string(value) + ". The file is damaged.");
    }
    case ValueType::kArray:
      fail(ErrorCode::kUnsupported, field + ": a list of lists.");
  }
  fail(ErrorCode::kCorrupt, field + ": unknown value type " +
                                std::to_string(static_cast<uint32_t>(type)) + ", known are 0 to " +
                                std::to_string(static_cast<uint32_t>(ValueType::kF64)) +
                                ". The file is damaged or newer than this program.");
}

// Bytes that one item takes at least; 0 where the type is unknown.
uint64_t min_item_bytes(ValueType type) {
  constexpr std::array<uint8_t, 13> kBytes{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  const auto index = static_cast<uint32_t>(type);
  return index < kBytes.size() ? kBytes[index] : 0;
}

Json GgufReader::read_array(const std::string& field) {
  const auto type = static_cast<ValueType>(reader_.read<uint32_t>(field));
  const auto count = reader_.read<uint64_t>(field);
  const uint64_t item_bytes = min_item_bytes(type);
  if (item_bytes == 0) read_scalar(type, field);  // throws: says what is wrong with the type
  if (count > kMaxArrayItems || count > reader_.remaining() / item_bytes) {
    fail(ErrorCode::kCorrupt,
         field + ": a list of " + with_commas(count) + " items, expected at most " +
             with_commas(std::min(kMaxArrayItems, reader_.remaining() / item_bytes)) +
             ". The file is damaged or incomplete.");
  }
  Json::array_t items;
  items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) items.push_back(read_scalar(type, field));
  return items;
}

void GgufReader::check_not_split() const {
  const auto parts = JsonObject(out_.metadata, file_).integer_or("split.count", 0, UINT16_MAX, 1);
  if (parts <= 1) return;
  fail(ErrorCode::kUnsupported,
       "one of " + std::to_string(parts) +
           " parts of a split model. Join them first with llama-gguf-split --merge.");
}

uint64_t GgufReader::alignment() const {
  const JsonObject metadata(out_.metadata, file_);
  const auto value = static_cast<uint64_t>(
      metadata.integer_or("general.alignment", 1, kMaxAlignment, kDefaultAlignment));
  if (!std::has_single_bit(value)) {
    metadata.fail("general.alignment", "expected a power of two, found " + std::to_string(value));
  }
  return value;
}

void GgufReader::read_tensor() {
  TensorEntry entry;
  entry.name = read_name("a tensor's name");
  entry.file = file_;
  const std::string field = "tensor " + printable(entry.name);
  const auto n_dims = reader_.read<uint32_t>(field);
  if (n_dims > kMaxDims) {
    fail(ErrorCode::kCorrupt, field + " has " + std::to_string(n_dims) +
                                  " dimensions, expected at most " + std::to_string(kMaxDims) +
                                  ". The file is damaged.");
  }
  entry.view.shape.resize(n_dims);
  for (uint32_t i = n_dims; i-- > 0;) entry.view.shape[i] = reader_.read<uint64_t>(field);
  const auto type = reader_.read<uint32_t>(field);
  const auto dtype = dtype_of_ggml_type(type);
  if (!dtype) {
    fail(ErrorCode::kUnsupported,
         field + " is of type " + ggml_type_text(type) +
             ", which is not supported. Supported: " + supported_ggml_types() + ".");
  }
  entry.view.dtype = *dtype;
  offsets_.push_back(reader_.read<uint64_t>(field));
  out_.tensors.push_back(std::move(entry));
}

// Gives every tensor its bytes, after all of them were found to lie in the file, apart from each
// other.
void GgufReader::place_tensors() {
  if (out_.tensors.empty()) return;  // a vocabulary alone
  const uint64_t step = alignment();
  const uint64_t data_start = (reader_.position() + step - 1) / step * step;
  std::unordered_set<std::string_view> names;
  std::vector<FilePart> parts;
  for (size_t i = 0; i < out_.tensors.size(); ++i) {
    const TensorEntry& entry = out_.tensors[i];
    const std::string what = std::string(file_) + ": tensor " + printable(entry.name);
    if (!names.insert(entry.name).second) {
      throw Error(ErrorCode::kCorrupt, what + " is there twice. The file is damaged.");
    }
    if (offsets_[i] % step != 0) {
      throw Error(ErrorCode::kCorrupt, what + " has offset " + with_commas(offsets_[i]) +
                                           ", expected a multiple of " + std::to_string(step) +
                                           ". The file is damaged.");
    }
    const uint64_t size = byte_count(entry.view.shape, entry.view.dtype, what);
    uint64_t begin = 0, end = 0;
    if (__builtin_add_overflow(data_start, offsets_[i], &begin) ||
        __builtin_add_overflow(begin, size, &end)) {
      throw Error(ErrorCode::kCorrupt, what + " has offset " + with_commas(offsets_[i]) +
                                           ", past the end of any file. The file is damaged.");
    }
    parts.push_back({entry.name, begin, end});
    offsets_[i] = begin;
  }
  check_parts(parts, bytes_.size(), file_);
  for (size_t i = 0; i < offsets_.size(); ++i) {
    out_.tensors[i].view.data = bytes_.data() + offsets_[i];
  }
}

}  // namespace

ParsedFile parse_gguf(std::span<const std::byte> bytes, std::string_view file) {
  check_not_placeholder(bytes, file);
  return GgufReader(bytes, file).read();
}

}  // namespace heng::checkpoint
