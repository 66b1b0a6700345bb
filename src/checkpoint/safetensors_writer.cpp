#include "checkpoint/safetensors_writer.h"

#include <cctype>
#include <cstring>

#include "base/json.h"

namespace heng::checkpoint {
namespace {

// "BF16", as the format spells it.
std::string upper_name(DType dtype) {
  std::string name(dtype_name(dtype));
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

uint64_t data_bytes(std::span<const TensorPlan> tensors) {
  uint64_t sum = 0;
  for (const TensorPlan& t : tensors) sum += byte_count(t.shape, t.dtype, t.name);
  return sum;
}

}  // namespace

std::string safetensors_header(std::span<const TensorPlan> tensors) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t at = 0;
  for (const TensorPlan& t : tensors) {
    const uint64_t end = at + byte_count(t.shape, t.dtype, t.name);
    header[t.name] = {
        {"dtype", upper_name(t.dtype)}, {"shape", t.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::string out(sizeof(length), '\0');
  std::memcpy(out.data(), &length, sizeof(length));
  return out + text;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::span<const TensorPlan> tensors)
    : SafetensorsWriter(path, safetensors_header(tensors), data_bytes(tensors)) {}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::string& header,
                                     uint64_t total)
    : total_bytes_(header.size() + total), file_(path, total_bytes_) {
  file_.write(std::as_bytes(std::span(header)));
}

void SafetensorsWriter::finish() {
  if (file_.written() != total_bytes_) {
    throw Error(ErrorCode::kInternal, "SafetensorsWriter: less data than planned.");
  }
  file_.finish();
}

}  // namespace heng::checkpoint
