#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <new>

#include "base/message.h"
#include "checkpoint/meta_shards.h"
#include "checkpoint/parse.h"
#include "checkpoint/weight_files.h"

namespace heng::checkpoint {
namespace {

constexpr size_t kMaxConfigBytes = 16u << 20;
constexpr const char* kQuantization = "quantization_config";  // of config.json
constexpr const char* kQuantizeFile = "quantize_config.json";

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string file_name(const std::filesystem::path& path) {
  return path.filename().string();
}

Json read_json_file(const std::filesystem::path& path) {
  const std::string name = file_name(path);
  Json json = parse_json(read_text_file(path, kMaxConfigBytes), name);
  JsonObject(json, name);  // throws where it is no object
  return json;
}

// What a folder without config.json may be instead.
[[noreturn]] void fail_no_config(const std::filesystem::path& folder) {
  std::string hint =
      "Expected a Hugging Face model folder, Meta's with params.json, or a .gguf file.";
  if (is_there(folder / "adapter_config.json")) {
    hint = "adapter_config.json makes it a LoRA adapter: name the folder of its base model.";
  } else if (is_there(folder / "consolidated.00.pth")) {
    hint = "consolidated.00.pth is Meta's own layout, which needs params.json: fetch that too.";
  } else {
    std::error_code error;
    for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
      if (item.path().extension() == ".gguf") hint = "Name the file: " + item.path().string();
    }
  }
  throw Error(ErrorCode::kNotFound, folder.string() + ": has no config.json. " + hint);
}

}  // namespace

// Puts a Checkpoint together, file by file.
struct Builder {
  std::shared_ptr<Checkpoint> out{new Checkpoint};

  explicit Builder(const std::filesystem::path& path) { out->path_ = path; }

  // Takes over what was read from the file that was mapped last.
  void add(ParsedFile parsed) {
    std::move(parsed.tensors.begin(), parsed.tensors.end(), std::back_inserter(out->tensors_));
    std::move(parsed.owned.begin(), parsed.owned.end(), std::back_inserter(out->owned_));
  }

  std::span<const std::byte> map(const std::filesystem::path& path) {
    out->files_.emplace_back(path);
    return out->files_.back().bytes();
  }

  void sort_and_check_names() {
    auto& tensors = out->tensors_;
    const auto name_less = [](const TensorEntry& a, const TensorEntry& b) {
      return a.name < b.name;
    };
    std::sort(tensors.begin(), tensors.end(), name_less);
    const auto twice =
        std::adjacent_find(tensors.begin(), tensors.end(),
                           [](const auto& a, const auto& b) { return a.name == b.name; });
    if (twice == tensors.end()) return;
    throw Error(ErrorCode::kCorrupt, std::next(twice)->file + ": tensor " + printable(twice->name) +
                                         " is also in " + twice->file +
                                         ". The files do not belong together: fetch them again.");
  }

  // Every tensor of the index must be in the file it names.
  void check_index(const WeightFiles& files) const {
    for (const auto& [tensor, file] : files.tensors) {
      const TensorEntry* entry = out->find(tensor);
      if (entry && entry->file == file) continue;
      throw Error(ErrorCode::kCorrupt,
                  files.index + ": tensor " + printable(tensor) + " should be in " + file +
                      (entry ? ", but is in " + entry->file : ", but is not there") +
                      ". The index and the files do not belong together: fetch them again.");
    }
  }

  void open_folder() {
    const auto& folder = out->path_;
    if (!is_there(folder / "config.json")) {
      if (is_there(folder / "params.json")) return open_meta();
      fail_no_config(folder);
    }
    out->config_ = read_json_file(folder / "config.json");
    const bool says_quantization = JsonObject(out->config_, "config.json").has(kQuantization);
    if (!says_quantization && is_there(folder / kQuantizeFile)) {
      out->quantize_config_ = read_json_file(folder / kQuantizeFile);
    }
    if (is_there(folder / "generation_config.json")) {
      out->generation_config_ = read_json_file(folder / "generation_config.json");
    }
    const WeightFiles files = find_weight_files(folder);
    const auto parse =
        files.kind == WeightKind::kSafetensors ? parse_safetensors : parse_torch_file;
    for (const std::string& name : files.names) add(parse(map(folder / name), name));
    sort_and_check_names();
    check_index(files);
  }

  void open_meta() {
    const auto& folder = out->path_;
    out->kind_ = Kind::kMeta;
    out->config_ = read_json_file(folder / "params.json");
    std::vector<std::vector<TensorEntry>> shards;
    for (const std::string& name : find_meta_shards(folder)) {
      ParsedFile parsed = parse_torch_file(map(folder / name), name);
      shards.push_back(std::move(parsed.tensors));
      parsed.tensors.clear();
      add(std::move(parsed));
    }
    out->tensors_ = join_meta_shards(std::move(shards));
    sort_and_check_names();
  }

  void open_gguf() {
    const std::string name = file_name(out->path_);
    const std::string extension = out->path_.extension().string();
    if (extension == ".safetensors" || extension == ".bin" || extension == ".pth" ||
        extension == ".json") {
      throw Error(ErrorCode::kUnsupported,
                  out->path_.string() + ": part of a model folder. Name the folder: " +
                      std::filesystem::absolute(out->path_).parent_path().string());
    }
    out->kind_ = Kind::kGguf;
    ParsedFile parsed = parse_gguf(map(out->path_), name);
    out->config_ = std::move(parsed.metadata);
    out->metadata_records_ = std::move(parsed.records);
    add(std::move(parsed));
    sort_and_check_names();
  }
};

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw Error(ErrorCode::kNotFound,
                path.string() +
                    ": no such file or folder. Expected a Hugging Face model folder, "
                    "Meta's with params.json, or a .gguf file.");
  }
  Builder builder(path);
  try {
    std::filesystem::is_directory(status) ? builder.open_folder() : builder.open_gguf();
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kOutOfMemory,
                path.string() + ": not enough memory to read its headers.");
  }
  return builder.out;
}

const TensorEntry* Checkpoint::find(std::string_view name) const {
  const auto it = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorEntry& entry, std::string_view key) { return entry.name < key; });
  return it != tensors_.end() && it->name == name ? &*it : nullptr;
}

uint64_t Checkpoint::tensor_bytes() const {
  uint64_t sum = 0;
  for (const TensorEntry& entry : tensors_) {
    sum += byte_count(entry.view.shape, entry.view.dtype, entry.name);
  }
  return sum;
}

std::string Checkpoint::config_file() const {
  if (kind_ == Kind::kGguf) return file_name(path_);
  return kind_ == Kind::kMeta ? "params.json" : "config.json";
}

std::optional<JsonObject> Checkpoint::quantization() const {
  if (quantize_config_) return JsonObject(*quantize_config_, kQuantizeFile);
  if (kind_ != Kind::kHuggingFace) return std::nullopt;
  return JsonObject(config_, config_file()).object(kQuantization);
}

void Checkpoint::drop_pages(const TensorEntry& entry) const noexcept {
  const uint64_t bytes = byte_count(entry.view.shape, entry.view.dtype, entry.name);
  const auto drop = [&](const std::byte* data, uint64_t n) {
    for (const FileMap& file : files_) {
      const auto all = file.bytes();
      // std::less orders pointers into different arrays; the built-in < need not.
      const std::less<const std::byte*> before;
      if (before(data, all.data()) || before(all.data() + all.size(), data)) continue;
      const auto at = static_cast<size_t>(data - all.data());
      if (n <= all.size() - at) return file.drop_pages(all.subspan(at, n));
    }
  };
  if (entry.slices.empty()) return drop(entry.view.data, bytes);
  for (const std::byte* slice : entry.slices) drop(slice, bytes / entry.slices.size());
}

}  // namespace heng::checkpoint
