// Hugging Face's byte-level BPE (tokenizer.json, or vocab.json with merges.txt) -> the
// tokenizer.ggml.* keys of a GGUF file.
#pragma once

#include <cstddef>
#include <filesystem>

#include "checkpoint/gguf_writer.h"

namespace heng::text {

// As write_gguf_vocabulary, for a folder with one of these. Throws Error kCorrupt; kUnsupported
// also where the text is cut in a way that no name in tokenizer.ggml.pre stands for.
void write_hf_vocabulary(const std::filesystem::path& folder, size_t n_rows,
                         checkpoint::GgufWriter& out);

}  // namespace heng::text
