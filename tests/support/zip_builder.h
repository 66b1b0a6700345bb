// Writes zip archives as torch.save does (stored entries), and such as lie: every number of the
// format can be set apart from what is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/file_bytes.h"

namespace heng::test {

struct ZipEntry {
  std::string name, data;
  uint16_t flags = 0, method = 0;
  // Where set, the central directory or the local header says this instead of the truth.
  std::optional<uint32_t> central_stored = {}, central_full = {}, central_start = {};
  std::optional<uint32_t> local_stored = {}, local_full = {};
  std::optional<uint16_t> local_method = {}, local_flags = {};
  std::optional<std::string> local_name = {};
  std::string central_extra = {}, local_extra = {};
};

struct ZipBuilder {
  std::vector<ZipEntry> entries;
  std::string comment, before_directory;
  bool zip64 = false;
  std::optional<uint64_t> n_entries = {}, directory_bytes = {}, directory_start = {},
                          record_start = {};
  std::optional<uint16_t> comment_bytes = {};

  ZipBuilder& add(const std::string& name, std::string_view data) {
    entries.push_back({.name = name, .data = std::string(data)});
    return *this;
  }

  std::string bytes() const {
    std::string out, directory;
    for (const ZipEntry& entry : entries) {
      directory += central(entry, static_cast<uint32_t>(out.size()));
      out += local(entry);
    }
    out += before_directory;
    const uint64_t start = directory_start.value_or(out.size());
    const uint64_t size = directory_bytes.value_or(directory.size());
    const uint64_t count = n_entries.value_or(entries.size());
    out += directory;
    if (zip64) out += zip64_end(out.size(), count, size, start);
    out += "PK\5\6" + le16(0) + le16(0) + le16(zip64 ? 0xffff : count) +
           le16(zip64 ? 0xffff : count) + le32(zip64 ? 0xffffffff : size) +
           le32(zip64 ? 0xffffffff : start) + le16(comment_bytes.value_or(comment.size()));
    return out + comment;
  }

 private:
  static std::string le16(uint64_t v) { return little_endian(static_cast<uint16_t>(v)); }
  static std::string le32(uint64_t v) { return little_endian(static_cast<uint32_t>(v)); }
  static std::string le64(uint64_t v) { return little_endian(v); }

  static std::string local(const ZipEntry& e) {
    const std::string name = e.local_name.value_or(e.name);
    return "PK\3\4" + le16(20) + le16(e.local_flags.value_or(e.flags)) +
           le16(e.local_method.value_or(e.method)) + le32(0) + le32(0) +
           le32(e.local_stored.value_or(e.data.size())) +
           le32(e.local_full.value_or(e.data.size())) + le16(name.size()) +
           le16(e.local_extra.size()) + name + e.local_extra + e.data;
  }

  static std::string central(const ZipEntry& e, uint32_t start) {
    return "PK\1\2" + le16(20) + le16(20) + le16(e.flags) + le16(e.method) + le32(0) + le32(0) +
           le32(e.central_stored.value_or(e.data.size())) +
           le32(e.central_full.value_or(e.data.size())) + le16(e.name.size()) +
           le16(e.central_extra.size()) + le16(0) + le16(0) + le16(0) + le32(0) +
           le32(e.central_start.value_or(start)) + e.name + e.central_extra;
  }

  std::string zip64_end(uint64_t at, uint64_t count, uint64_t size, uint64_t start) const {
    return "PK\6\6" + le64(44) + le16(45) + le16(45) + le32(0) + le32(0) + le64(count) +
           le64(count) + le64(size) + le64(start) + "PK\6\7" + le32(0) +
           le64(record_start.value_or(at)) + le32(1);
  }
};

}  // namespace heng::test
