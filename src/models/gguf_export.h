// A checkpoint -> what a GGUF file of it holds: metadata of the model and tensors under GGUF's
// names, in the row order that llama.cpp expects. The reading side is gguf_names.h. Source:
// llama.cpp's converter (conversion/*.py) and llama-arch.cpp. Borrows the checkpoint.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/gguf_writer.h"
#include "models/weight_source.h"

namespace heng::models {

struct ExportTensor {
  std::string name;
  Shape shape;
  DType dtype = DType::kF32;
  std::vector<WeightSource> pieces;  // of a matrix: stacked by rows
  std::vector<float> values;         // of a vector

  uint64_t rows() const { return shape.front(); }
};

// What general.architecture will be. Throws Error kUnsupported where the architecture has no form
// in GGUF.
std::string gguf_architecture(const WeightRequest& request);

// Every tensor, in the order in which the model uses them. Checks names, shapes and types; reads
// vectors only. Throws Error kCorrupt, kUnsupported as find_matrix and
// gguf_architecture.
std::vector<ExportTensor> export_tensors(const WeightRequest& request, DType wanted);

// The keys that say what the model is: general.architecture, its sizes, norm and rotation, and
// under "heng." what GGUF has no keys for. `name`: general.name.
void export_metadata(const WeightRequest& request, std::string_view name,
                     checkpoint::GgufWriter& out);

// general.file_type and general.quantization_version of a file whose matrices are `wanted`.
void export_file_type(DType wanted, checkpoint::GgufWriter& out);

// Writes one tensor's data in bounded memory. `on_progress` gets the rows' bytes as they are
// written.
void write_tensor(const ExportTensor& tensor, ThreadPool& pool, checkpoint::GgufWriter& out,
                  const std::function<void(uint64_t bytes)>& on_progress);

}  // namespace heng::models
