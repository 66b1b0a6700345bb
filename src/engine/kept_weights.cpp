#include "engine/kept_weights.h"

#include <algorithm>
#include <vector>

#include "engine/repack_cache.h"
#include "heng/error.h"

namespace heng::engine {
namespace {

namespace fs = std::filesystem;

// Less is packed in a fraction of a second.
constexpr uint64_t kWorthKeeping = 256u << 20;

// Name, size and time of each file of a checkpoint or adapter: whoever changes one gets new
// weights. Links are followed: the hub's cache is made of them.
std::string identity_of(const fs::path& path) {
  std::error_code none;
  std::vector<fs::path> files;
  if (fs::is_directory(path, none)) {
    for (const auto& entry : fs::directory_iterator(path, none)) {
      if (entry.is_regular_file(none)) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
  }
  std::string all = fs::canonical(path, none).string() + "\n";
  for (const fs::path& file : files) {
    const auto time = fs::last_write_time(file, none).time_since_epoch().count();
    all += file.filename().string() + " " + std::to_string(fs::file_size(file, none)) + " " +
           std::to_string(time) + "\n";
  }
  return all;
}

std::string key_of(const models::WeightRequest& request, const ops::Backend& backend,
                   const LoadOptions& options) {
  std::string key = identity_of(request.checkpoint.path());
  for (const fs::path& lora : options.loras) key += identity_of(lora);
  key += request.convert_to ? std::string(dtype_name(*request.convert_to)) : "as stored";
  // Which tensors are packed, and how, depends on what the backend packs, not on its level.
  return key + (backend.name() == "reference" ? " reference" : " packed");
}

}  // namespace

KeptWeights load_kept_weights(const models::WeightRequest& request, ops::Backend& backend,
                              ThreadPool& pool, const LoadOptions& options,
                              const std::function<void(uint64_t)>& on_progress) {
  const uint64_t made = models::measure_weights(request, backend).made_bytes;
  const bool keeps = !options.repack_cache.empty() && made >= kWorthKeeping;
  if (!keeps) {
    return {models::load_weights(request, backend, pool, Arena(made), on_progress), ""};
  }
  const RepackCache cache(options.repack_cache, options.repack_cache_bytes);
  const std::string key = key_of(request, backend, options);
  if (auto ready = cache.find(key, pool)) {
    try {
      return {models::load_weights(request, backend, pool, std::move(*ready), on_progress),
              "mapped from " + cache.file_of(key).string()};
    } catch (const Error&) {
      // Not what its key says: packed anew, and written over.
    }
  }
  KeptWeights kept{models::load_weights(request, backend, pool, Arena(made), on_progress), ""};
  if (cache.keep(key, kept.weights.memory, pool)) {
    kept.repacked = "kept in " + cache.file_of(key).string();
  }
  return kept;
}

}  // namespace heng::engine
