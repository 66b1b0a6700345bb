// Layout of a zip archive; the end is read first:
//
//   | local header, name, extra, data, (descriptor) | ... | central directory: header, name, extra
//   | ... | | zip64 end record | zip64 locator | end record, comment |     (the two zip64 parts may
//   be absent)
#include "checkpoint/zip_directory.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/message.h"
#include "checkpoint/parse.h"

namespace heng::checkpoint {
namespace {

constexpr uint16_t kFull16 = 0xffff;      // "see the zip64 record"
constexpr uint32_t kFull32 = 0xffffffff;  // the same
constexpr uint16_t kEncrypted = 1u << 0 | 1u << 6 | 1u << 13;
constexpr uint16_t kSizesAfterData = 1u << 3;
constexpr uint16_t kZip64Extra = 0x0001;
constexpr uint16_t kStored = 0;

#pragma pack(push, 1)
struct EndRecord {
  static constexpr uint32_t kSignature = 0x06054b50;
  uint32_t signature;
  uint16_t disk, directory_disk, entries_here, entries;
  uint32_t directory_bytes, directory_start;
  uint16_t comment_bytes;
};
static_assert(sizeof(EndRecord) == 22);

struct Zip64Locator {
  static constexpr uint32_t kSignature = 0x07064b50;
  uint32_t signature, record_disk;
  uint64_t record_start;
  uint32_t disks;
};
static_assert(sizeof(Zip64Locator) == 20);

struct Zip64EndRecord {
  static constexpr uint32_t kSignature = 0x06064b50;
  uint32_t signature;
  uint64_t record_bytes;  // without the signature and itself
  uint16_t made_by, needs;
  uint32_t disk, directory_disk;
  uint64_t entries_here, entries, directory_bytes, directory_start;
};
static_assert(sizeof(Zip64EndRecord) == 56);

struct CentralHeader {
  static constexpr uint32_t kSignature = 0x02014b50;
  uint32_t signature;
  uint16_t made_by, needs, flags, method, time, date;
  uint32_t crc, stored_bytes, full_bytes;
  uint16_t name_bytes, extra_bytes, comment_bytes, disk, attributes;
  uint32_t more_attributes, local_start;
};
static_assert(sizeof(CentralHeader) == 46);

struct LocalHeader {
  static constexpr uint32_t kSignature = 0x04034b50;
  uint32_t signature;
  uint16_t needs, flags, method, time, date;
  uint32_t crc, stored_bytes, full_bytes;
  uint16_t name_bytes, extra_bytes;
};
static_assert(sizeof(LocalHeader) == 30);
#pragma pack(pop)

struct Directory {
  uint64_t entries, bytes, start;
};

struct Entry {
  std::string_view name;
  uint16_t flags, method;
  uint64_t stored_bytes, full_bytes, local_start;
  uint64_t data_end = 0;
};

class ZipReader {
 public:
  ZipReader(std::span<const std::byte> bytes, std::string_view file) : bytes_(bytes), file_(file) {}

  ZipDirectory read() {
    directory_ = find_directory();
    std::vector<Entry> entries = read_entries();
    ZipDirectory out;
    for (Entry& entry : entries) {
      const bool is_new = out.emplace(entry.name, locate(entry)).second;
      if (!is_new) fail_entry(entry, "is there twice");
    }
    check_apart(entries);
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& text) const {
    throw Error(ErrorCode::kCorrupt, std::string(file_) + ": " + text +
                                         ". The file is damaged, incomplete or no torch file.");
  }
  [[noreturn]] void fail_entry(const Entry& entry, const std::string& text) const {
    fail("entry " + printable(entry.name) + " of the archive " + text);
  }
  template <typename T>
  T read_at(uint64_t at, const char* what) const;
  Directory find_directory() const;
  uint64_t find_end_record() const;
  std::vector<Entry> read_entries() const;
  void apply_zip64(std::span<const std::byte> extra, const CentralHeader& header,
                   Entry& entry) const;
  std::span<const std::byte> locate(Entry& entry) const;
  void check_apart(std::vector<Entry>& entries) const;

  std::span<const std::byte> bytes_;
  std::string_view file_;
  Directory directory_{};
};

template <typename T>
T ZipReader::read_at(uint64_t at, const char* what) const {
  ByteReader reader(bytes_, file_);
  reader.seek(std::min<uint64_t>(at, bytes_.size()), what);
  const T record = reader.read<T>(what);
  if (record.signature != T::kSignature) {
    fail("no " + std::string(what) + " at byte " + with_commas(at));
  }
  return record;
}

// The end record is the last thing in the file but for a comment of at most 65,535 bytes.
uint64_t ZipReader::find_end_record() const {
  if (bytes_.size() >= sizeof(EndRecord)) {
    const uint64_t last = bytes_.size() - sizeof(EndRecord);
    for (uint64_t comment = 0; comment <= std::min<uint64_t>(last, UINT16_MAX); ++comment) {
      EndRecord record;
      std::memcpy(&record, bytes_.data() + (last - comment), sizeof(record));
      if (record.signature == EndRecord::kSignature && record.comment_bytes == comment) {
        return last - comment;
      }
    }
  }
  fail("has no zip directory at its end");
}

Directory ZipReader::find_directory() const {
  const uint64_t end_start = find_end_record();
  const auto end = read_at<EndRecord>(end_start, "the zip end record");
  Directory found{end.entries, end.directory_bytes, end.directory_start};
  uint64_t directory_end = end_start;
  const bool has_zip64 = end_start >= sizeof(Zip64Locator) &&
                         std::memcmp(bytes_.data() + end_start - sizeof(Zip64Locator),
                                     &Zip64Locator::kSignature, 4) == 0;
  if (has_zip64) {
    const auto locator =
        read_at<Zip64Locator>(end_start - sizeof(Zip64Locator), "the zip64 locator");
    directory_end = locator.record_start;
    const auto record = read_at<Zip64EndRecord>(directory_end, "the zip64 end record");
    const bool agree =
        (end.entries == kFull16 || end.entries == record.entries) &&
        (end.directory_bytes == kFull32 || end.directory_bytes == record.directory_bytes) &&
        (end.directory_start == kFull32 || end.directory_start == record.directory_start);
    if (!agree) fail("the zip64 end record disagrees with the zip end record");
    if (record.entries_here != record.entries) fail("is one disk of several");
    found = {record.entries, record.directory_bytes, record.directory_start};
  } else if (end.entries_here != end.entries) {
    fail("is one disk of several");
  }
  if (found.start > directory_end || found.bytes != directory_end - found.start) {
    fail("the zip directory has " + with_commas(found.bytes) + " bytes from byte " +
         with_commas(found.start) + ", expected its end at byte " + with_commas(directory_end));
  }
  if (found.entries > found.bytes / sizeof(CentralHeader)) {
    fail("the zip directory counts " + with_commas(found.entries) + " entries in " +
         with_commas(found.bytes) + " bytes");
  }
  return found;
}

std::vector<Entry> ZipReader::read_entries() const {
  ByteReader reader(bytes_.subspan(0, directory_.start + directory_.bytes), file_);
  reader.seek(directory_.start, "the zip directory");
  std::vector<Entry> entries;
  entries.reserve(directory_.entries);
  for (uint64_t i = 0; i < directory_.entries; ++i) {
    const auto header = reader.read<CentralHeader>("a zip directory entry");
    if (header.signature != CentralHeader::kSignature) {
      fail("no entry at byte " + with_commas(reader.position() - sizeof(header)) +
           " of the zip directory");
    }
    const auto name = reader.take(header.name_bytes, "an entry's name");
    const auto extra = reader.take(header.extra_bytes, "an entry's extra fields");
    reader.take(header.comment_bytes, "an entry's comment");
    Entry entry{.name = {reinterpret_cast<const char*>(name.data()), name.size()},
                .flags = header.flags,
                .method = header.method,
                .stored_bytes = header.stored_bytes,
                .full_bytes = header.full_bytes,
                .local_start = header.local_start};
    apply_zip64(extra, header, entry);
    entries.push_back(entry);
  }
  if (reader.remaining() != 0) fail("the zip directory counts too few entries");
  return entries;
}

// The zip64 field holds those of the three numbers that the header could not, in this order.
void ZipReader::apply_zip64(std::span<const std::byte> extra, const CentralHeader& header,
                            Entry& entry) const {
  ByteReader reader(extra, file_);
  while (reader.remaining() > 0) {
    const auto id = reader.read<uint16_t>("an extra field");
    const auto size = reader.read<uint16_t>("an extra field");
    ByteReader field(reader.take(size, "an extra field"), file_);
    if (id != kZip64Extra) continue;
    if (header.full_bytes == kFull32) entry.full_bytes = field.read<uint64_t>("a zip64 size");
    if (header.stored_bytes == kFull32) entry.stored_bytes = field.read<uint64_t>("a zip64 size");
    if (header.local_start == kFull32) entry.local_start = field.read<uint64_t>("a zip64 offset");
  }
}

std::span<const std::byte> ZipReader::locate(Entry& entry) const {
  if (entry.flags & kEncrypted) fail_entry(entry, "is encrypted");
  if (entry.method != kStored) {
    throw Error(ErrorCode::kUnsupported,
                std::string(file_) + ": entry " + printable(entry.name) +
                    " of the archive is compressed (method " + std::to_string(entry.method) +
                    "), which torch.save never does. Save the model again.");
  }
  if (entry.stored_bytes != entry.full_bytes) {
    fail_entry(entry, "is stored in " + with_commas(entry.stored_bytes) +
                          " bytes but claims to hold " + with_commas(entry.full_bytes));
  }
  const auto local = read_at<LocalHeader>(entry.local_start, "an entry's local header");
  ByteReader reader(bytes_.subspan(0, directory_.start), file_);
  reader.seek(std::min(entry.local_start + sizeof(local), directory_.start), "a local header");
  const auto name = reader.take(local.name_bytes, "an entry's name");
  reader.take(local.extra_bytes, "an entry's extra fields");
  const bool same_name =
      std::string_view(reinterpret_cast<const char*>(name.data()), name.size()) == entry.name;
  // Sizes that follow the data are 0 here; sizes in the zip64 field are all ones. Either way the
  // directory's are used and must fit.
  const auto size_agrees = [&](uint32_t here, uint64_t there) {
    return here == there || here == kFull32 || (here == 0 && (local.flags & kSizesAfterData));
  };
  if (!same_name || local.method != entry.method || (local.flags & kEncrypted) ||
      !size_agrees(local.stored_bytes, entry.stored_bytes) ||
      !size_agrees(local.full_bytes, entry.full_bytes)) {
    fail_entry(entry, "has a local header at byte " + with_commas(entry.local_start) +
                          " that disagrees with the zip directory");
  }
  const auto data = reader.take(entry.stored_bytes, "entry " + printable(entry.name));
  entry.data_end = reader.position();
  return data;
}

void ZipReader::check_apart(std::vector<Entry>& entries) const {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.local_start < b.local_start; });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].local_start < entries[i - 1].data_end) {
      fail_entry(entries[i], "overlaps " + printable(entries[i - 1].name));
    }
  }
}

}  // namespace

ZipDirectory read_zip_directory(std::span<const std::byte> bytes, std::string_view file) {
  return ZipReader(bytes, file).read();
}

}  // namespace heng::checkpoint
