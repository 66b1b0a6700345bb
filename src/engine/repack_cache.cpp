#include "engine/repack_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "heng/error.h"

namespace heng::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "hengpack";
constexpr std::string_view kSuffix = ".pack";
// A new layout of packed weights or of this file is a new number.
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 4096;  // so that the pieces begin on a page
constexpr size_t kChunkBytes = 1 << 20;

//   0           8         12        16             24         32          40
//   | hengpack  | version | unused  | key's hash    | bytes    | checksum  | key, zeros up to 4096
struct Header {
  std::array<char, 8> magic;
  uint32_t version, unused;
  uint64_t key_hash, bytes, checksum;
};
static_assert(sizeof(Header) == 40);

// A checksum against damage, not against malice: eight chains of multiply and xor, so that it runs
// as fast as memory is read.
uint64_t hash_chunk(const std::byte* data, size_t bytes) {
  constexpr uint64_t kPrime = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio, odd
  std::array<uint64_t, 8> chain = {1, 2, 3, 4, 5, 6, 7, 8};
  const size_t whole = bytes / 64 * 64;
  for (size_t at = 0; at < whole; at += 64) {
    std::array<uint64_t, 8> words;
    std::memcpy(words.data(), data + at, 64);
    for (size_t i = 0; i < 8; ++i) chain[i] = (chain[i] ^ words[i]) * kPrime;
  }
  uint64_t all = bytes;
  for (const uint64_t c : chain) all = (all ^ (c >> 29) ^ c) * kPrime;
  for (size_t at = whole; at < bytes; ++at) {
    all = (all ^ static_cast<uint64_t>(data[at])) * kPrime;
  }
  return all ^ (all >> 32);
}

uint64_t hash_text(const std::string& text) {
  return hash_chunk(reinterpret_cast<const std::byte*>(text.data()), text.size());
}

uint64_t hash_bytes(std::span<const std::byte> bytes, ThreadPool& pool) {
  std::vector<uint64_t> hashes((bytes.size() + kChunkBytes - 1) / kChunkBytes);
  pool.for_range(hashes.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const auto chunk = bytes.subspan(i * kChunkBytes);
      hashes[i] = hash_chunk(chunk.data(), std::min(chunk.size(), kChunkBytes));
    }
  });
  return hash_chunk(reinterpret_cast<const std::byte*>(hashes.data()), hashes.size() * 8);
}

// The first bytes of a file: the key is cut to what fits, its hash is of all of it.
std::vector<std::byte> header_block(const Header& header, const std::string& key) {
  std::vector<std::byte> block(kHeaderBytes);
  std::memcpy(block.data(), &header, sizeof(header));
  std::memcpy(block.data() + sizeof(header), key.data(),
              std::min(key.size(), kHeaderBytes - sizeof(header)));
  return block;
}

// A file being written; removed again unless kept.
class PartFile {
 public:
  explicit PartFile(fs::path path)
      : path_(std::move(path)),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  ~PartFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!kept_) ::unlink(path_.c_str());
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  bool is_open() const { return fd_ >= 0; }
  bool reserve(uint64_t bytes) { return ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes)) == 0; }
  bool write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), 64u << 20));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return true;
  }
  bool become(const fs::path& name) {
    kept_ = ::rename(path_.c_str(), name.c_str()) == 0;
    return kept_;
  }

 private:
  fs::path path_;
  int fd_;
  bool kept_ = false;
};

}  // namespace

RepackCache::RepackCache(fs::path folder, uint64_t most_bytes)
    : folder_(std::move(folder)), most_bytes_(most_bytes) {}

fs::path RepackCache::file_of(const std::string& key) const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (uint64_t hash = hash_text(key), i = 0; i < 16; ++i, hash >>= 4) name += kDigits[hash & 15];
  return folder_ / name.append(kSuffix);
}

std::optional<Arena> RepackCache::find(const std::string& key, ThreadPool& pool) const {
  const fs::path path = file_of(key);
  std::error_code none;
  if (!fs::is_regular_file(path, none)) return std::nullopt;
  try {
    FileMap map(path);
    const auto bytes = map.bytes();
    Header header;
    if (bytes.size() < kHeaderBytes) return std::nullopt;
    std::memcpy(&header, bytes.data(), sizeof(header));
    const auto expected = header_block(header, key);
    const bool ours = std::string_view(header.magic.data(), 8) == kMagic &&
                      header.version == kVersion && header.key_hash == hash_text(key) &&
                      header.bytes == bytes.size() - kHeaderBytes &&
                      std::equal(expected.begin(), expected.end(), bytes.begin());
    if (!ours) return std::nullopt;
    map.read_ahead();
    if (hash_bytes(bytes.subspan(kHeaderBytes), pool) != header.checksum) return std::nullopt;
    fs::last_write_time(path, fs::file_time_type::clock::now(), none);  // used just now
    return Arena(std::move(map), kHeaderBytes);
  } catch (const Error&) {
    return std::nullopt;  // cannot be opened or mapped: as if it were not there
  }
}

bool RepackCache::make_room(uint64_t bytes) const {
  if (bytes > most_bytes_) return false;
  struct Kept {
    fs::path path;
    fs::file_time_type used;
    uint64_t bytes;
  };
  std::error_code none;
  std::vector<Kept> all;
  uint64_t total = 0;
  for (const auto& entry : fs::directory_iterator(folder_, none)) {
    if (entry.path().extension() != kSuffix) continue;
    all.push_back({entry.path(), entry.last_write_time(none), entry.file_size(none)});
    total += all.back().bytes;
  }
  std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
  for (const Kept& oldest : all) {
    if (total + bytes <= most_bytes_) break;
    fs::remove(oldest.path, none);
    total -= oldest.bytes;
  }
  const fs::space_info space = fs::space(folder_, none);
  // A tenth of the disk stays free for everything else.
  return !none && space.available > bytes + space.capacity / 10;
}

bool RepackCache::keep(const std::string& key, const Arena& memory, ThreadPool& pool) const {
  const std::span<const std::byte> contents = memory.contents();
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (contents.empty() || failed || !make_room(contents.size() + kHeaderBytes)) return false;
  const fs::path path = file_of(key);
  PartFile part(fs::path(path).concat("." + std::to_string(::getpid()) + ".part"));
  if (!part.is_open() || !part.reserve(kHeaderBytes + contents.size())) return false;
  Header header{{}, kVersion, 0, hash_text(key), contents.size(), hash_bytes(contents, pool)};
  std::copy(kMagic.begin(), kMagic.end(), header.magic.begin());
  return part.write(header_block(header, key)) && part.write(contents) && part.become(path);
}

}  // namespace heng::engine
