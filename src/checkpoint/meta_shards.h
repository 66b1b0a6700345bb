// Meta's own layout of LLaMA: params.json and consolidated.NN.pth, one file for each of the
// processes that the model was cut for. wq, wk, wv, w1, w3 and output are cut by rows, wo, w2 and
// tok_embeddings by columns, vectors are repeated. Source: facebookresearch/llama, model.py (which
// layers are ColumnParallelLinear, RowParallelLinear, ParallelEmbedding). Safe from any thread.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace heng::checkpoint {

// The names of the consolidated.NN.pth in `folder`, in order. Throws Error kNotFound where there is
// none or the numbering has a gap.
std::vector<std::string> find_meta_shards(const std::filesystem::path& folder);

// The tensors of the whole model out of those of each file; data stays where it lies. The tables of
// angles that some files carry are left out. Throws Error kCorrupt naming file and tensor where the
// files do not fit together, kUnsupported for a matrix whose cut is not known.
std::vector<TensorEntry> join_meta_shards(std::vector<std::vector<TensorEntry>> shards);

}  // namespace heng::checkpoint
