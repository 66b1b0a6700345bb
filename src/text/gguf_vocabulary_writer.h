// A folder's tokenizer -> the tokenizer.ggml.* keys of a GGUF file; the reading side is
// gguf_tokenizer.h. Source: llama.cpp's converter (conversion/base.py) and llama-vocab.cpp.
#pragma once

#include <cstddef>
#include <filesystem>

#include "checkpoint/gguf_writer.h"

namespace heng::text {

// Sets every key of the tokenizer in `folder`, and its chat template where it has one. GGUF wants a
// token for each of the model's `n_rows` rows: those that the tokenizer does not have are unused
// "[PAD<id>]". Throws Error kNotFound where the folder has no tokenizer, kCorrupt, kUnsupported
// where GGUF has no form for it.
void write_gguf_vocabulary(const std::filesystem::path& folder, size_t n_rows,
                           checkpoint::GgufWriter& out);

// The keys of a model that is to run on ids alone.
void write_no_vocabulary(checkpoint::GgufWriter& out);

}  // namespace heng::text
