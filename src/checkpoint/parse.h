// The readers of one file each, over bytes in memory: no paths, no I/O, so that tests and fuzzers
// can feed them anything. `file` is the name used in errors. Tensor data in the result points into
// `bytes`, which must outlive it, or into `owned`. Memory taken while parsing is in proportion to
// the bytes given, whatever sizes they claim. Pure functions. All throw Error kCorrupt or
// kUnsupported and nothing else.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"

namespace heng::checkpoint {

struct ParsedFile {
  std::vector<TensorEntry> tensors;
  std::vector<std::unique_ptr<std::byte[]>> owned;  // tensors that had to be made contiguous
  Json metadata;                                    // GGUF only
  std::vector<MetadataRecord> records;              // GGUF only: the same, as it lies in the file
};

// Source: https://github.com/huggingface/safetensors, README "Format" and the checks of its reader.
ParsedFile parse_safetensors(std::span<const std::byte> bytes, std::string_view file);

// Versions 2 and 3, little-endian, one file. Source: ggml docs/gguf.md.
ParsedFile parse_gguf(std::span<const std::byte> bytes, std::string_view file);

// What torch.save has written since 1.6: a zip of one pickle and one stored entry per storage. The
// pickle can build tensors and nothing else. Not contiguous tensors are copied into `owned`.
ParsedFile parse_torch_file(std::span<const std::byte> bytes, std::string_view file);

struct FilePart {
  std::string_view name;
  uint64_t begin, end;  // bytes of the file
};

// Sorts `parts` by place. Throws Error kCorrupt where one ends past `file_bytes` ("the download is
// incomplete") or two overlap.
void check_parts(std::vector<FilePart>& parts, uint64_t file_bytes, std::string_view file);

// Throws Error kCorrupt where `bytes` are no weights but something that downloads often leave in
// their place: an empty file, a Git LFS pointer, a web page.
void check_not_placeholder(std::span<const std::byte> bytes, std::string_view file);

}  // namespace heng::checkpoint
