// merge_loras: the tensors of a Hugging Face folder, one after the other, through models/lora.h
// into new safetensors files, with everything else that makes them a model.
#include "heng/merge.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>

#include "base/cpu_info.h"
#include "base/message.h"
#include "base/part_file.h"
#include "base/part_folder.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "engine/loras.h"
#include "models/architecture.h"
#include "models/lora.h"
#include "models/weight_check.h"
#include "models/weight_convert.h"
#include "text/tokenizer_load.h"

namespace heng {
namespace {

namespace fs = std::filesystem;
using checkpoint::Checkpoint;
using checkpoint::TensorEntry;
using checkpoint::TensorPlan;

// What a tokenizer's folder is copied from: transformers' own names, and Qwen's.
constexpr std::array<const char*, 10> kTokenizerFiles = {"tokenizer.model",
                                                         "tokenizer.json",
                                                         "tokenizer_config.json",
                                                         "special_tokens_map.json",
                                                         "added_tokens.json",
                                                         "vocab.json",
                                                         "merges.txt",
                                                         "qwen.tiktoken",
                                                         "chat_template.jinja",
                                                         "chat_template.json"};

// Bytes that are converted at once.
constexpr uint64_t kPieceBytes = 64u << 20;

struct MergedTensor {
  const TensorEntry* entry;  // of the base
  Shape shape;
  DType dtype;
  bool changed;

  uint64_t bytes() const { return byte_count(shape, dtype, entry->name); }
  TensorPlan plan() const { return {entry->name, dtype, shape}; }
};

struct Merge {
  std::shared_ptr<const Checkpoint> base;
  models::LoraStack loras;
  ModelInfo info;  // of base and adapters together
  std::vector<MergedTensor> tensors;
  std::vector<std::vector<MergedTensor>> shards;

  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const MergedTensor& t : tensors) sum += t.bytes();
    return sum;
  }
};

std::optional<DType> dtype_of(Precision precision) {
  if (precision == Precision::kFp32) return DType::kF32;
  if (precision == Precision::kFp16) return DType::kF16;
  if (precision == Precision::kBf16) return DType::kBF16;
  return std::nullopt;
}

void check_base(const Checkpoint& base) {
  const std::string name = base.path().filename().string();
  const std::string way_out =
      " heng run with --lora puts adapters on it while loading; to merge, name the model's Hugging "
      "Face folder in fp16, bf16 or fp32.";
  if (base.kind() != checkpoint::Kind::kHuggingFace) {
    throw Error(ErrorCode::kUnsupported, name +
                                             ": no Hugging Face folder, so no such folder can be "
                                             "written from it." +
                                             way_out);
  }
  const auto layouts = models::all_packed_layouts();
  if (base.quantization() ||
      std::any_of(layouts.begin(), layouts.end(), [&](const auto* l) { return l->suits(base); })) {
    throw Error(ErrorCode::kUnsupported,
                name + ": is quantised: adapters cannot be merged into it." + way_out);
  }
}

MergedTensor plan_tensor(const TensorEntry& entry, const models::LoraStack& loras) {
  const TensorEntry* saved = loras.replacement(entry.name);
  MergedTensor t{&entry, saved ? saved->view.shape : entry.view.shape, entry.view.dtype,
                 loras.touches(entry.name)};
  const bool is_weight = formats::find_format(entry.view.dtype) != nullptr;
  if (!is_weight || models::is_table(entry.name)) return t;  // copied as it is
  if (t.changed) t.dtype = models::sum_type_for(entry);
  if (loras.sum_type) t.dtype = *loras.sum_type;
  return t;
}

// Shards of at most `most` bytes, in the order of the names; a larger tensor has one of its own.
std::vector<std::vector<MergedTensor>> cut(const std::vector<MergedTensor>& tensors,
                                           uint64_t most) {
  std::vector<std::vector<MergedTensor>> shards;
  uint64_t bytes = 0;
  for (const MergedTensor& t : tensors) {
    if (shards.empty() || bytes + t.bytes() > most) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back(t);
    bytes += t.bytes();
  }
  return shards;
}

Merge plan_merge(const fs::path& base, const std::vector<fs::path>& loras,
                 const MergeOptions& options) {
  if (loras.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "no adapter to merge: name one with --lora FOLDER.");
  }
  Merge m;
  m.base = Checkpoint::open(base);
  check_base(*m.base);
  LoadOptions load;
  load.loras = loras;
  load.threads = options.threads;
  m.info = Model::inspect(base, load);  // throws where they do not belong together
  m.loras.adapters = engine::open_loras(loras);
  m.loras.sum_type = dtype_of(options.dtype);
  for (const TensorEntry& entry : m.base->tensors()) {
    m.tensors.push_back(plan_tensor(entry, m.loras));
  }
  m.shards = cut(m.tensors, options.shard_bytes);
  return m;
}

void write_text(const fs::path& path, const std::string& text) {
  const std::string line = text + "\n";
  PartFile file(path, line.size());
  file.write(std::as_bytes(std::span(line)));
  file.finish();
}

std::string shard_name(size_t i, size_t n) {
  if (n == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", i + 1, n);
  return name;
}

// Whether plain numbers have no exponent of all ones: no infinity, no NaN.
bool all_finite(std::span<const std::byte> bytes, DType dtype) {
  const auto scan = [&]<typename Word>(Word mask) {
    bool finite = true;
    for (size_t at = 0; at + sizeof(Word) <= bytes.size(); at += sizeof(Word)) {
      Word word;
      std::memcpy(&word, bytes.data() + at, sizeof(word));
      finite &= (word & mask) != mask;
    }
    return finite;
  };
  if (dtype == DType::kF32) return scan(uint32_t{0x7f800000});
  if (dtype == DType::kF16) return scan(uint16_t{0x7c00});
  return dtype != DType::kBF16 || scan(uint16_t{0x7f80});
}

// What the folder's files take as they are made, and who is told.
struct Progress {
  const MergeOptions& options;
  uint64_t done = 0, total = 0;

  void add(uint64_t bytes) {
    done += bytes;
    if (options.on_progress && !options.on_progress(done, total)) {
      throw Error(ErrorCode::kCancelled, "stopped; nothing was written.");
    }
  }
};

void write_tensor(const Merge& m, const MergedTensor& t, checkpoint::SafetensorsWriter& file,
                  ThreadPool& pool, Progress& progress) {
  const auto write = [&](std::span<const std::byte> bytes) {
    file.write(bytes);
    progress.add(bytes.size());
  };
  const TensorEntry& entry = *t.entry;
  if (!t.changed && t.dtype == entry.view.dtype && !formats::find_format(t.dtype)) {
    return write({entry.view.data, t.bytes()});  // integers
  }
  const models::WeightSource source = models::merged_tensor(entry, m.loras);
  const formats::WeightFormat& format = *formats::find_format(t.dtype);
  const uint64_t row_bytes = source.cols * format.block_bytes;
  const uint64_t most = std::max<uint64_t>(1, kPieceBytes / std::max<uint64_t>(1, row_bytes));
  std::vector<std::byte> piece;
  for (uint64_t first = 0; first < source.rows; first += most) {
    const uint64_t n = std::min(most, source.rows - first);
    piece.resize(n * row_bytes);
    models::convert_rows(source, first, n, format, piece.data(), pool);
    std::atomic<bool> finite{true};
    pool.for_range(n, 1, [&](size_t begin, size_t end) {
      const std::span part(piece.data() + begin * row_bytes, (end - begin) * row_bytes);
      if (!all_finite(part, t.dtype)) finite = false;
    });
    if (!finite) {
      throw Error(ErrorCode::kCorrupt, source.name + ": holds a value that is not finite in " +
                                           std::string(dtype_name(t.dtype)) +
                                           ". Base or adapter are damaged, or the sum is too "
                                           "large for the type: try --dtype bf16.");
    }
    write(piece);
  }
  m.base->drop_pages(entry);
}

void write_weights(const Merge& m, const fs::path& folder, const MergeOptions& options) {
  ThreadPool pool(options.threads > 0 ? options.threads : usable_cpus());
  Progress progress{options, 0, m.bytes()};
  Json weight_map = Json::object();
  for (size_t i = 0; i < m.shards.size(); ++i) {
    const std::string name = shard_name(i, m.shards.size());
    std::vector<TensorPlan> plans;
    for (const MergedTensor& t : m.shards[i]) {
      plans.push_back(t.plan());
      weight_map[t.entry->name] = name;
    }
    checkpoint::SafetensorsWriter file(folder / name, plans);
    for (const MergedTensor& t : m.shards[i]) write_tensor(m, t, file, pool, progress);
    file.finish();
  }
  if (m.shards.size() == 1) return;
  const Json index = {{"metadata", {{"total_size", m.bytes()}}}, {"weight_map", weight_map}};
  write_text(folder / "model.safetensors.index.json", index.dump(2));
}

// The base's configuration with what the merge changed.
Json merged_config(const Merge& m) {
  const size_t base_vocabulary =
      models::read_spec(models::find_architecture(*m.base), *m.base).vocabulary;
  Json config = m.base->config();
  for (const char* key : {"vocab_size", "padded_vocab_size"}) {
    if (config.contains(key) && config[key] == base_vocabulary) {
      config[key] = m.info.vocabulary;
    }
  }
  if (!m.loras.sum_type) return config;
  const char* name = *m.loras.sum_type == DType::kF32   ? "float32"
                     : *m.loras.sum_type == DType::kF16 ? "float16"
                                                        : "bfloat16";
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = name;
  return config;
}

bool is_kept(const std::string& name) {
  return name == "generation_config.json" || name.ends_with(".py") || name.starts_with("LICENSE") ||
         name.starts_with("NOTICE") || name.starts_with("USE_POLICY");
}

void copy_into(const fs::path& file, const fs::path& folder) {
  const fs::path to = folder / file.filename();
  std::error_code error;
  fs::copy_file(file, to, fs::copy_options::overwrite_existing, error);
  // Files of a cache are often read-only; the copy is the user's.
  if (!error) fs::permissions(to, fs::perms::owner_write, fs::perm_options::add, error);
  if (error) {
    throw Error(ErrorCode::kOutOfMemory,
                file.string() + ": cannot be copied: " + error.message() + ".");
  }
}

// Returns the folder that the tokenizer comes from; empty where there is none.
fs::path copy_small_files(const Merge& m, const fs::path& folder) {
  const fs::path& base = m.base->path();
  for (const auto& item : fs::directory_iterator(base)) {
    if (item.is_regular_file() && is_kept(item.path().filename())) copy_into(item.path(), folder);
  }
  const fs::path from = engine::tokenizer_folder(m.loras.adapters).value_or(base);
  if (!text::has_tokenizer(from)) return {};
  for (const char* name : kTokenizerFiles) {
    if (fs::is_regular_file(from / name)) copy_into(from / name, folder);
  }
  for (const auto& item : fs::directory_iterator(from)) {
    if (item.path().filename().string().starts_with("tokenization_"))
      copy_into(item.path(), folder);
  }
  return from;
}

void check_tokenizer(const Merge& m) {
  const auto folder = engine::tokenizer_folder(m.loras.adapters);
  if (!folder) return;
  std::shared_ptr<const Tokenizer> tokenizer;
  try {
    tokenizer = Tokenizer::load(*folder);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kUnsupported) throw;
    return;  // of a kind that is not read here: copied as it is
  }
  engine::check_tokenizer_fits(*tokenizer, m.loras.adapters,
                               static_cast<size_t>(m.info.vocabulary));
}

}  // namespace

MergeResult merge_loras(const fs::path& base, const std::vector<fs::path>& loras,
                        const fs::path& out, const MergeOptions& options) {
  const Merge m = plan_merge(base, loras, options);
  check_tokenizer(m);
  PartFolder folder(out, m.bytes());
  write_text(folder.path() / "config.json", merged_config(m).dump(2));
  const fs::path tokenizer = copy_small_files(m, folder.path());
  write_weights(m, folder.path(), options);
  folder.finish();
  MergeResult result;
  result.n_tensors = m.tensors.size();
  result.n_changed = static_cast<uint64_t>(std::count_if(
      m.tensors.begin(), m.tensors.end(), [](const MergedTensor& t) { return t.changed; }));
  result.n_weight_files = m.shards.size();
  result.weight_bytes = m.bytes();
  result.vocabulary = m.info.vocabulary;
  result.tokenizer_from = tokenizer.string();
  return result;
}

}  // namespace heng
