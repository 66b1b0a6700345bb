// Layout of a .safetensors file:
//
//   | header length N, u64 | N bytes of JSON, may end in spaces | tensor data, back to back |
//
// The JSON is {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ...,
// "__metadata__": {"key": "text"}}; offsets count from the end of the header.
#include <array>

#include "base/bytes.h"
#include "base/message.h"
#include "checkpoint/parse.h"

namespace heng::checkpoint {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // MAX_HEADER_SIZE of the format's own reader
constexpr size_t kMaxDims = 8;
constexpr size_t kHeaderDepth = 3;  // header, tensor, shape

struct DTypeName {
  std::string_view name;
  DType dtype;
};
constexpr std::array<DTypeName, 10> kDTypes{{{"F64", DType::kF64},
                                             {"F32", DType::kF32},
                                             {"F16", DType::kF16},
                                             {"BF16", DType::kBF16},
                                             {"I64", DType::kI64},
                                             {"I32", DType::kI32},
                                             {"I16", DType::kI16},
                                             {"I8", DType::kI8},
                                             {"U8", DType::kU8},
                                             {"BOOL", DType::kBool}}};

DType read_dtype(const JsonObject& tensor) {
  const std::string name = tensor.string("dtype");
  for (const DTypeName& known : kDTypes) {
    if (known.name == name) return known.dtype;
  }
  std::string supported;
  for (const DTypeName& known : kDTypes) supported.append(" ").append(known.name);
  throw Error(ErrorCode::kUnsupported, tensor.where("dtype") + ": \"" + printable(name) +
                                           "\" is not supported. Supported:" + supported + ".");
}

// The member `key` of a tensor: a list of at most `limit` sizes or offsets.
std::vector<uint64_t> read_sizes(const JsonObject& tensor, const char* key, size_t limit) {
  if (!tensor.has(key) || !tensor.raw()[key].is_array()) tensor.fail(key, "expected a list");
  const Json& list = tensor.raw()[key];
  if (list.size() > limit) {
    tensor.fail(key, "expected at most " + std::to_string(limit) + " numbers, found " +
                         std::to_string(list.size()));
  }
  std::vector<uint64_t> sizes;
  for (const Json& item : list) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > uint64_t{INT64_MAX}) {
      tensor.fail(key, "expected whole numbers from 0 to 2^63 - 1");
    }
    sizes.push_back(item.get<uint64_t>());
  }
  return sizes;
}

void check_metadata(const Json& metadata, std::string_view file) {
  const JsonObject object(metadata, file, "__metadata__");
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_string()) object.fail("", "expected text as the value of " + printable(key));
  }
}

// One tensor of the header; its place is given as bytes of the file.
FilePart read_tensor(const Json& value, uint64_t data_start, TensorEntry& entry) {
  const JsonObject tensor(value, entry.file, printable(entry.name) + ".");
  entry.view.dtype = read_dtype(tensor);
  entry.view.shape = read_sizes(tensor, "shape", kMaxDims);
  const auto offsets = read_sizes(tensor, "data_offsets", 2);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    tensor.fail("data_offsets", "expected [begin, end] with begin <= end");
  }
  const std::string what = entry.file + ": tensor " + printable(entry.name);
  const uint64_t needed = byte_count(entry.view.shape, entry.view.dtype, what);
  if (offsets[1] - offsets[0] != needed) {
    tensor.fail("data_offsets", "span " + with_commas(offsets[1] - offsets[0]) + " bytes, shape " +
                                    to_string(entry.view.shape) + " of " +
                                    std::string(dtype_name(entry.view.dtype)) + " takes " +
                                    with_commas(needed) + ". The file is damaged");
  }
  return {entry.name, data_start + offsets[0], data_start + offsets[1]};
}

// Every byte after the header belongs to one tensor: this leaves no room for a second file to hide
// in.
void check_no_gaps(const std::vector<FilePart>& sorted, uint64_t data_start, uint64_t file_bytes,
                   std::string_view file) {
  uint64_t at = data_start;
  for (const FilePart& part : sorted) {
    if (part.begin != at) {
      throw Error(ErrorCode::kCorrupt, std::string(file) + ": tensor " + printable(part.name) +
                                           " starts at byte " + with_commas(part.begin) +
                                           ", expected " + with_commas(at) +
                                           ", where the one before ends. The file is damaged.");
    }
    at = part.end;
  }
  if (at != file_bytes) {
    throw Error(ErrorCode::kCorrupt, std::string(file) + ": the tensors end at byte " +
                                         with_commas(at) + ", the file has " +
                                         with_commas(file_bytes) + ". The file is damaged.");
  }
}

Json read_header(ByteReader& reader, std::string_view file) {
  const auto length = reader.read<uint64_t>("the header's length");
  if (length > kMaxHeaderBytes) {
    throw Error(ErrorCode::kCorrupt, std::string(file) + ": the header's length is " +
                                         with_commas(length) + ", expected at most " +
                                         with_commas(kMaxHeaderBytes) +
                                         ". The file is damaged or no safetensors file.");
  }
  const auto text = reader.take(length, "the header");
  const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
  if (!view.starts_with('{')) {
    throw Error(ErrorCode::kCorrupt, std::string(file) +
                                         ": the header at byte 8 does not start with {. The file "
                                         "is damaged or no safetensors file.");
  }
  return parse_json(view, file, {.max_bytes = kMaxHeaderBytes, .max_depth = kHeaderDepth});
}

}  // namespace

ParsedFile parse_safetensors(std::span<const std::byte> bytes, std::string_view file) {
  check_not_placeholder(bytes, file);
  ByteReader reader(bytes, file);
  const Json header = read_header(reader, file);
  const uint64_t data_start = reader.position();

  ParsedFile out;
  out.tensors.reserve(header.size());  // parts borrow the names
  std::vector<FilePart> parts;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      check_metadata(value, file);
      continue;
    }
    out.tensors.push_back({.name = name, .view = {}, .file = std::string(file)});
    parts.push_back(read_tensor(value, data_start, out.tensors.back()));
  }
  std::vector<FilePart> sorted = parts;
  check_parts(sorted, bytes.size(), file);
  check_no_gaps(sorted, data_start, bytes.size(), file);
  for (size_t i = 0; i < parts.size(); ++i) {
    out.tensors[i].view.data = bytes.data() + parts[i].begin;
  }
  return out;
}

}  // namespace heng::checkpoint
