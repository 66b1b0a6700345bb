// Names in the file, after PEFT's own prefix "base_model.model.":
//
//   <module>.lora_A.weight  <module>.lora_B.weight  <module>.lora_A.default.weight  the pair
//   <module>.weight  <module>.modules_to_save.weight  <module>.modules_to_save.default.weight
//   <module>.original_module.weight   the base's own, kept beside a saved one by early versions
#include "checkpoint/lora_adapter.h"

#include <algorithm>
#include <set>

#include "base/message.h"
#include "checkpoint/parse.h"

namespace heng::checkpoint {
namespace {

constexpr size_t kMaxConfigBytes = 16u << 20;
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kConfig = "adapter_config.json";
constexpr std::string_view kWeight = ".weight";

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

[[noreturn]] void fail_no_adapter(const std::filesystem::path& folder) {
  std::string hint = "Expected the folder of a LoRA adapter in PEFT's layout.";
  if (is_there(folder / "config.json")) {
    hint = "config.json makes it a whole model: run it without --lora.";
  } else if (is_there(folder / "adapter_model.bin") ||
             is_there(folder / "adapter_model.safetensors")) {
    hint = "The download is incomplete: fetch adapter_config.json too.";
  }
  throw Error(ErrorCode::kNotFound, folder.string() + ": has no adapter_config.json. " + hint);
}

// "x.y.z", "y" -> "x", "z"; false where there is no ".y." in it.
bool split_at(std::string_view name, std::string_view middle, std::string_view& before,
              std::string_view& after) {
  const std::string dotted = "." + std::string(middle) + ".";
  const size_t at = name.find(dotted);
  if (at == std::string_view::npos || at == 0) return false;
  before = name.substr(0, at);
  after = name.substr(at + dotted.size());
  return true;
}

// "weight", or behind an adapter's name: "default.weight".
bool is_weight(std::string_view tail) {
  const size_t dot = tail.rfind('.');
  return tail.substr(dot == std::string_view::npos ? 0 : dot + 1) == "weight" &&
         std::count(tail.begin(), tail.end(), '.') <= 1;
}

}  // namespace

std::shared_ptr<const LoraAdapter> LoraAdapter::open(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    throw Error(ErrorCode::kNotFound, folder.string() +
                                          ": no such folder. --lora takes the folder "
                                          "of a LoRA adapter.");
  }
  if (!is_there(folder / kConfig)) fail_no_adapter(folder);
  std::shared_ptr<LoraAdapter> adapter(new LoraAdapter);
  adapter->path_ = folder;
  const std::string config_file = adapter->name() + "/" + std::string(kConfig);
  const Json json = parse_json(read_text_file(folder / kConfig, kMaxConfigBytes), config_file);
  adapter->config_ = parse_lora_config(JsonObject(json, config_file));
  adapter->read_file();
  for (const TensorEntry& entry : adapter->tensors_) adapter->place(entry);
  for (auto& [module, pair] : adapter->pairs_) adapter->complete(module, pair);
  adapter->check_targets();
  return adapter;
}

std::string LoraAdapter::name() const {
  return (path_ / "").parent_path().filename().string();
}

void LoraAdapter::read_file() {
  const bool safe = is_there(path_ / "adapter_model.safetensors");
  const std::string file = safe ? "adapter_model.safetensors" : "adapter_model.bin";
  if (!is_there(path_ / file)) {
    throw Error(ErrorCode::kNotFound, path_.string() +
                                          ": has neither adapter_model.safetensors nor "
                                          "adapter_model.bin. The download is incomplete.");
  }
  file_ = name() + "/" + file;
  const auto bytes = files_.emplace_back(path_ / file).bytes();
  ParsedFile parsed = safe ? parse_safetensors(bytes, file_) : parse_torch_file(bytes, file_);
  tensors_ = std::move(parsed.tensors);
  owned_ = std::move(parsed.owned);
  if (tensors_.empty()) throw Error(ErrorCode::kCorrupt, file_ + ": holds no tensor.");
}

void LoraAdapter::place(const TensorEntry& entry) {
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorCode::kUnsupported,
                file_ + ": tensor " + printable(entry.name) + " " + problem);
  };
  std::string_view name = entry.name, module, tail;
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  const auto put = [&](const TensorEntry*& slot) {
    if (slot) fail("stands for the same as tensor " + printable(slot->name) + ".");
    slot = &entry;
  };
  if (split_at(name, "lora_A", module, tail) && is_weight(tail)) {
    put(pairs_[std::string(module)].a);
  } else if (split_at(name, "lora_B", module, tail) && is_weight(tail)) {
    put(pairs_[std::string(module)].b);
  } else if (split_at(name, "modules_to_save", module, tail) && is_weight(tail)) {
    put(saved_[std::string(module) + std::string(kWeight)]);
  } else if (split_at(name, "original_module", module, tail) && is_weight(tail)) {
    return;
  } else if (name.find("lora_") == std::string_view::npos && name.ends_with(kWeight)) {
    put(saved_[std::string(name)]);
  } else {
    fail("is none of lora_A, lora_B and saved weights: without it the answers would be wrong.");
  }
}

void LoraAdapter::complete(const std::string& module, LoraPair& pair) const {
  const auto fail = [&](const TensorEntry& entry, const std::string& problem) {
    throw Error(ErrorCode::kCorrupt, file_ + ": tensor " + printable(entry.name) + " " + problem);
  };
  if (!pair.a || !pair.b) {
    fail(pair.a ? *pair.a : *pair.b,
         std::string("has no lora_") + (pair.a ? "B" : "A") + " beside it. The file is damaged.");
  }
  const uint64_t rank = config_.rank_of(module);
  const std::string r = std::to_string(rank);
  const Shape &a = pair.a->view.shape, &b = pair.b->view.shape;
  constexpr std::string_view kNotTogether = " by adapter_config.json. They do not belong together.";
  if (a.size() != 2 || a[0] != rank || a[1] == 0) {
    fail(*pair.a,
         "has shape " + to_string(a) + ", expected [" + r + ", in]" + std::string(kNotTogether));
  }
  if (b.size() != 2 || b[1] != rank || b[0] == 0) {
    fail(*pair.b,
         "has shape " + to_string(b) + ", expected [out, " + r + "]" + std::string(kNotTogether));
  }
  pair.scale = config_.scale_of(module);
}

void LoraAdapter::check_targets() const {
  if (config_.targets.empty()) return;
  std::set<std::string_view> found;
  for (const auto& [module, pair] : pairs_) {
    const auto targets = config_.targets_of(module);
    if (targets.empty()) {
      throw Error(ErrorCode::kCorrupt, file_ + ": tensor " + printable(pair.a->name) +
                                           " is of no module that adapter_config.json names in "
                                           "target_modules. They do not belong together.");
    }
    found.insert(targets.begin(), targets.end());
  }
  for (const std::string& target : config_.targets) {
    if (found.contains(target)) continue;
    throw Error(ErrorCode::kCorrupt, file_ + ": holds no tensor of module " + printable(target) +
                                         ", which adapter_config.json names in target_modules. "
                                         "The file is incomplete.");
  }
}

const LoraPair* LoraAdapter::find_pair(std::string_view tensor) const {
  if (!tensor.ends_with(kWeight)) return nullptr;
  const auto it = pairs_.find(tensor.substr(0, tensor.size() - kWeight.size()));
  return it == pairs_.end() ? nullptr : &it->second;
}

const TensorEntry* LoraAdapter::find_saved(std::string_view tensor) const {
  const auto it = saved_.find(tensor);
  return it == saved_.end() ? nullptr : it->second;
}

uint64_t LoraAdapter::tensor_bytes() const {
  uint64_t sum = 0;
  for (const TensorEntry& entry : tensors_) {
    sum += byte_count(entry.view.shape, entry.view.dtype, entry.name);
  }
  return sum;
}

}  // namespace heng::checkpoint
