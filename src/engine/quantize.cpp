#include "heng/quantize.h"

#include "base/cpu_info.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_writer.h"
#include "engine/licence.h"
#include "models/gguf_export.h"
#include "models/gguf_stretch.h"
#include "text/gguf_vocabulary_writer.h"

namespace heng {
namespace {

using checkpoint::Checkpoint;
using checkpoint::GgufWriter;
using models::ExportTensor;

constexpr DType kTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16,
                            DType::kQ8_0, DType::kQ4_K, DType::kQ4_0};

DType type_of(const std::string& name) {
  std::string known;
  for (const DType dtype : kTypes) {
    if (dtype_name(dtype) == name) return dtype;
    known += (known.empty() ? "" : ", ") + std::string(dtype_name(dtype));
  }
  throw Error(ErrorCode::kInvalidArgument, "type is \"" + name + "\", expected " + known + ".");
}

void check_target(const std::filesystem::path& out) {
  if (out.extension() != ".gguf") {
    throw Error(ErrorCode::kInvalidArgument,
                out.string() +
                    ": expected a name that ends in .gguf, which is how programs know "
                    "such a file.");
  }
  std::error_code ignored;
  if (std::filesystem::exists(out, ignored)) {
    throw Error(ErrorCode::kInvalidArgument,
                out.string() + " exists already. Choose another name, or remove it first.");
  }
}

// What GGUF says about the model and its tokenizer. Of a GGUF file everything stays as it is.
void write_metadata(const models::WeightRequest& request, GgufWriter& out, QuantizeReport& report) {
  const Checkpoint& c = request.checkpoint;
  if (c.kind() == checkpoint::Kind::kGguf) {
    for (const auto& record : c.metadata_records()) out.set(record);
    return;
  }
  models::export_metadata(request, c.path().filename().string(), out);
  const std::string licence = engine::licence_of(c);
  if (!licence.empty()) out.set("general.license", licence);
  try {
    text::write_gguf_vocabulary(c.path(), request.spec.vocabulary, out);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kUnsupported) throw;
    text::write_no_vocabulary(out);
    report.notes.push_back("The file has no tokenizer and runs on ids alone: " +
                           std::string(error.what()));
  }
}

void note_stored(const models::WeightRequest& request, const std::vector<ExportTensor>& tensors,
                 DType wanted, QuantizeReport& report) {
  size_t n_requantized = 0, n_wider = 0;
  for (const ExportTensor& tensor : tensors) {
    const formats::WeightFormat& to = *formats::find_format(tensor.dtype);
    bool again = false;
    for (const auto& piece : tensor.pieces) {
      again = again || (piece.format->expand_block && to.expand_block && piece.format != &to);
    }
    n_requantized += again ? 1 : 0;
    const auto block = dtype_size(wanted).block_length;
    n_wider += !tensor.pieces.empty() && tensor.shape.back() % block != 0 ? 1 : 0;
  }
  if (n_requantized > 0) {
    report.notes.push_back(std::to_string(n_requantized) +
                           " matrices were quantised already; quantising them again loses more "
                           "than quantising the original would.");
  }
  if (n_wider > 0) {
    report.notes.push_back(std::to_string(n_wider) + " matrices do not divide into blocks of " +
                           std::to_string(dtype_size(wanted).block_length) +
                           " and are q8_0 or f16.");
  }
  if (models::has_stretch(request.spec)) {
    report.notes.push_back(
        "GGUF has no keys for this model's context beyond " +
        std::to_string(request.spec.trained_context) +
        " tokens (dynamic NTK, LogN): heng keeps it, other programs run without.");
  }
}

}  // namespace

std::vector<std::string_view> quantize_types() {
  std::vector<std::string_view> names;
  for (const DType dtype : kTypes) names.push_back(dtype_name(dtype));
  return names;
}

QuantizeReport quantize(const std::filesystem::path& model, const std::filesystem::path& out,
                        const QuantizeOptions& options) {
  const DType wanted = type_of(options.type);
  check_target(out);
  const auto checkpoint = Checkpoint::open(model);
  const models::Architecture& architecture = models::find_architecture(*checkpoint);
  const models::DecoderSpec spec = models::read_spec(architecture, *checkpoint);
  const models::WeightRequest request{architecture, spec, *checkpoint, std::nullopt};
  const auto tensors = models::export_tensors(request, wanted);

  QuantizeReport report;
  GgufWriter file;
  write_metadata(request, file, report);
  models::export_file_type(wanted, file);
  uint64_t total = 0;
  for (const ExportTensor& tensor : tensors) {
    file.add_tensor(tensor.name, tensor.shape, tensor.dtype);
    total += byte_count(tensor.shape, tensor.dtype, tensor.name);
    report.parameters += element_count(tensor.shape, tensor.name);
  }
  note_stored(request, tensors, wanted, report);

  file.open(out);
  ThreadPool pool(options.threads > 0 ? options.threads : usable_cpus());
  uint64_t done = 0;
  for (const ExportTensor& tensor : tensors) {
    models::write_tensor(tensor, pool, file, [&](uint64_t bytes) {
      done += bytes;
      if (!options.on_progress || options.on_progress(std::min(done, total), total)) return;
      throw Error(ErrorCode::kCancelled, "stopped; nothing was written.");
    });
    for (const auto& piece : tensor.pieces) {
      for (const auto* entry : piece.entries) checkpoint->drop_pages(*entry);
    }
  }
  file.finish();
  report.architecture = models::gguf_architecture(request);
  report.file_bytes = file.file_bytes();
  report.n_tensors = tensors.size();
  report.bits_per_weight =
      8.0 * static_cast<double>(total) / static_cast<double>(report.parameters);
  return report;
}

}  // namespace heng
