#include "checkpoint/weight_files.h"

#include <algorithm>
#include <system_error>

#include "base/file_map.h"
#include "base/json.h"
#include "base/message.h"

namespace heng::checkpoint {
namespace {

constexpr size_t kMaxIndexBytes = 64u << 20;
constexpr std::string_view kSafetensors = ".safetensors";
constexpr std::string_view kTorch = ".bin";
constexpr std::string_view kIndex = ".index.json";

std::vector<std::string> ending_in(const std::set<std::string>& names, std::string_view end) {
  std::vector<std::string> out;
  std::copy_if(names.begin(), names.end(), std::back_inserter(out),
               [&](const std::string& name) { return name.ends_with(end); });
  return out;
}

// A name that can only mean a file beside the index.
bool is_plain_name(std::string_view name) {
  return !name.empty() && !name.starts_with('.') &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

WeightFiles read_index(const std::filesystem::path& folder, const std::string& index,
                       WeightKind kind, std::string_view extension,
                       const std::set<std::string>& present) {
  WeightFiles files = parse_index(read_text_file(folder / index, kMaxIndexBytes), index, extension);
  files.kind = kind;
  size_t n_missing = 0;
  std::string first_missing;
  for (const std::string& name : files.names) {
    if (present.contains(name)) continue;
    if (n_missing++ == 0) first_missing = name;
  }
  if (n_missing > 0) {
    throw Error(ErrorCode::kNotFound,
                index + ": names " + printable(first_missing) + ", which is not in the folder (" +
                    std::to_string(n_missing) + " of " + std::to_string(files.names.size()) +
                    " shards are missing). The download is incomplete: fetch what is missing.");
  }
  return files;
}

[[noreturn]] void fail_no_weights(const std::filesystem::path& folder,
                                  const std::set<std::string>& present) {
  const auto shards = ending_in(present, kSafetensors);
  if (!shards.empty()) {
    throw Error(ErrorCode::kNotFound, folder.string() + ": has " + std::to_string(shards.size()) +
                                          " .safetensors files (" + shards.front() +
                                          ", ...) and no model.safetensors.index.json. The "
                                          "download is incomplete: fetch the index.");
  }
  throw Error(
      ErrorCode::kNotFound,
      folder.string() +
          ": has no weights. Expected model.safetensors, model.safetensors.index.json with "
          "its shards, pytorch_model.bin, or pytorch_model.bin.index.json with its shards.");
}

WeightFiles single(WeightKind kind, const std::string& name) {
  return {.kind = kind, .names = {name}, .index = "", .tensors = {}};
}

}  // namespace

std::set<std::string> list_files(const std::filesystem::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    names.insert(it->path().filename().string());
  }
  if (error) {
    throw Error(ErrorCode::kNotFound,
                folder.string() + ": cannot be listed: " + error.message() + ".");
  }
  return names;
}

WeightFiles parse_index(std::string_view text, std::string_view file, std::string_view extension) {
  const Json json = parse_json(text, file, {.max_bytes = kMaxIndexBytes});
  const JsonObject object(json, file);
  const auto weight_map = object.object("weight_map");
  if (!weight_map || weight_map->raw().empty()) {
    object.fail("weight_map", "missing or empty, expected {tensor: file}");
  }
  WeightFiles out;
  out.index = file;
  std::set<std::string> names;
  for (const auto& [tensor, value] : weight_map->raw().items()) {
    const std::string name = value.is_string() ? value.get<std::string>() : "";
    if (!is_plain_name(name) || !name.ends_with(extension)) {
      weight_map->fail(printable(tensor),
                       "expected the plain name of a " + std::string(extension) +
                           " file in this folder, found " +
                           (value.is_string() ? '"' + printable(name) + '"' : value.type_name()));
    }
    names.insert(name);
    out.tensors.emplace(tensor, name);
  }
  out.names.assign(names.begin(), names.end());
  return out;
}

WeightFiles find_weight_files(const std::filesystem::path& folder) {
  const auto present = list_files(folder);
  const auto find = [&](WeightKind kind, std::string_view extension, const std::string& usual) {
    const std::string file = usual + std::string(extension);
    if (present.contains(file)) return single(kind, file);
    const std::string index = file + std::string(kIndex);
    if (present.contains(index)) return read_index(folder, index, kind, extension, present);
    return WeightFiles{};
  };
  WeightFiles found = find(WeightKind::kSafetensors, kSafetensors, "model");
  if (!found.names.empty()) return found;
  // Quantisers name their one file as they like; one of several shards is not such a file.
  const auto others = ending_in(present, kSafetensors);
  if (others.size() == 1 && others[0].find("-of-") == std::string::npos) {
    return single(WeightKind::kSafetensors, others[0]);
  }
  found = find(WeightKind::kTorch, kTorch, "pytorch_model");
  if (!found.names.empty()) return found;
  fail_no_weights(folder, present);
}

}  // namespace heng::checkpoint
