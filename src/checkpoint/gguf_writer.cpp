#include "checkpoint/gguf_writer.h"

#include <algorithm>
#include <bit>

#include "checkpoint/ggml_types.h"
#include "heng/error.h"

namespace heng::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

constexpr uint32_t kVersion = 3;
constexpr uint64_t kAlignment = 32;  // GGUF_DEFAULT_ALIGNMENT: what a file without the key has
constexpr std::string_view kAlignmentKey = "general.alignment";

// gguf_metadata_value_type
enum ValueType : uint32_t { kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9 };

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void append_text(std::string& out, std::string_view text) {
  append(out, uint64_t{text.size()});
  out.append(text);
}

template <typename T>
std::string scalar(ValueType type, T value) {
  std::string out;
  append(out, static_cast<uint32_t>(type));
  append(out, value);
  return out;
}

std::string list_head(ValueType type, size_t n) {
  std::string out = scalar(kArray, static_cast<uint32_t>(type));
  append(out, uint64_t{n});
  return out;
}

template <typename T>
std::string list(ValueType type, const std::vector<T>& values) {
  std::string out = list_head(type, values.size());
  out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return out;
}

uint64_t padded(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

void GgufWriter::put(std::string_view key, std::string value) {
  const auto same = [&](const Record& r) { return r.key == key; };
  const auto found = std::find_if(records_.begin(), records_.end(), same);
  if (found != records_.end()) {
    found->value = std::move(value);
  } else {
    records_.push_back({std::string(key), std::move(value)});
  }
}

void GgufWriter::set(std::string_view key, uint32_t value) {
  put(key, scalar(kU32, value));
}

void GgufWriter::set(std::string_view key, float value) {
  put(key, scalar(kF32, value));
}

void GgufWriter::set(std::string_view key, bool value) {
  put(key, scalar(kBool, static_cast<uint8_t>(value ? 1 : 0)));
}

void GgufWriter::set(std::string_view key, std::string_view value) {
  std::string out;
  append(out, static_cast<uint32_t>(kString));
  append_text(out, value);
  put(key, std::move(out));
}

void GgufWriter::set(std::string_view key, const std::vector<std::string>& values) {
  std::string out = list_head(kString, values.size());
  for (const std::string& value : values) append_text(out, value);
  put(key, std::move(out));
}

void GgufWriter::set(std::string_view key, const std::vector<int32_t>& values) {
  put(key, list(kI32, values));
}

void GgufWriter::set(std::string_view key, const std::vector<float>& values) {
  put(key, list(kF32, values));
}

void GgufWriter::set(const MetadataRecord& record) {
  if (record.key == kAlignmentKey) return;  // our own layout's is the default
  put(record.key, {reinterpret_cast<const char*>(record.value.data()), record.value.size()});
}

bool GgufWriter::has(std::string_view key) const {
  return std::any_of(records_.begin(), records_.end(),
                     [&](const Record& r) { return r.key == key; });
}

void GgufWriter::add_tensor(std::string_view name, const Shape& shape, DType dtype) {
  data_bytes_ = padded(data_bytes_);
  append_text(tensors_, name);
  append(tensors_, static_cast<uint32_t>(shape.size()));
  for (size_t i = shape.size(); i-- > 0;) append(tensors_, shape[i]);
  append(tensors_, ggml_type_of(dtype));
  append(tensors_, data_bytes_);
  sizes_.push_back(byte_count(shape, dtype, name));
  data_bytes_ += sizes_.back();
}

std::string GgufWriter::head() const {
  std::string out = "GGUF";
  append(out, kVersion);
  append(out, uint64_t{sizes_.size()});
  append(out, uint64_t{records_.size()});
  for (const Record& record : records_) {
    append_text(out, record.key);
    out += record.value;
  }
  out += tensors_;
  out.resize(padded(out.size()), '\0');
  return out;
}

uint64_t GgufWriter::file_bytes() const {
  return head().size() + padded(data_bytes_);
}

void GgufWriter::open(const std::filesystem::path& path) {
  file_ = std::make_unique<PartFile>(path, file_bytes());
  const std::string text = head();
  file_->write(std::as_bytes(std::span(text)));
}

void GgufWriter::pad() {
  constexpr std::byte kZeros[kAlignment] = {};
  file_->write({kZeros, padded(file_->written()) - file_->written()});
}

void GgufWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (current_ == sizes_.size()) {
      throw Error(ErrorCode::kInternal, "GgufWriter: more data than tensors.");
    }
    const uint64_t n = std::min<uint64_t>(bytes.size(), sizes_[current_] - done_);
    file_->write(bytes.first(n));
    bytes = bytes.subspan(n);
    done_ += n;
    if (done_ < sizes_[current_]) return;
    pad();
    ++current_;
    done_ = 0;
  }
}

void GgufWriter::finish() {
  if (current_ != sizes_.size()) {
    throw Error(ErrorCode::kInternal, "GgufWriter: a tensor was not written whole.");
  }
  file_->finish();
}

}  // namespace heng::checkpoint
