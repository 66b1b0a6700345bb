#include "eval/fingerprint.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/file_map.h"
#include "eval/sha256.h"

namespace heng::eval {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kWholeUpTo = uint64_t{1} << 30;
constexpr uint64_t kStride = uint64_t{16} << 20, kPiece = uint64_t{64} << 10;

void add_file(Sha256& hash, const fs::path& path, bool whole) {
  const FileMap map(path);
  const auto bytes = map.bytes();
  hash.add(path.filename().string() + "\n" + std::to_string(bytes.size()) + "\n");
  if (whole) {
    hash.add(bytes);
    return;
  }
  for (uint64_t at = 0; at < bytes.size(); at += kStride) {
    hash.add(bytes.subspan(at, std::min<uint64_t>(kPiece, bytes.size() - at)));
  }
  hash.add(bytes.last(std::min<uint64_t>(kPiece, bytes.size())));
}

}  // namespace

std::string model_fingerprint(const fs::path& path) {
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      const bool hidden = entry.path().filename().string().starts_with('.');
      if (entry.is_regular_file() && !hidden) files.push_back(entry.path());
    }
  } else {
    files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  uint64_t total = 0;
  for (const auto& file : files) total += fs::file_size(file);
  Sha256 hash;
  for (const auto& file : files) {
    if (fs::file_size(file) > 0) add_file(hash, file, total <= kWholeUpTo);
  }
  return hash.finish();
}

}  // namespace heng::eval
