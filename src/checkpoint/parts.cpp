#include <algorithm>

#include "base/message.h"
#include "checkpoint/parse.h"

namespace heng::checkpoint {

void check_parts(std::vector<FilePart>& parts, uint64_t file_bytes, std::string_view file) {
  std::sort(parts.begin(), parts.end(), [](const FilePart& a, const FilePart& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  const FilePart* last = nullptr;
  for (const FilePart& part : parts) {
    const std::string where = std::string(file) + ": tensor " + printable(part.name);
    if (part.end > file_bytes) {
      throw Error(ErrorCode::kCorrupt, where + " ends at byte " + with_commas(part.end) +
                                           ", the file has " + with_commas(file_bytes) +
                                           ". The download is incomplete: fetch this file again.");
    }
    if (last && part.begin < last->end) {
      throw Error(ErrorCode::kCorrupt, where + " starts at byte " + with_commas(part.begin) +
                                           ", inside tensor " + printable(last->name) +
                                           " that ends at byte " + with_commas(last->end) +
                                           ". The file is damaged.");
    }
    if (part.end > part.begin) last = &part;
  }
}

void check_not_placeholder(std::span<const std::byte> bytes, std::string_view file) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 64));
  const char* found = nullptr;
  if (head.empty()) {
    found = "the file is empty. Fetch it again.";
  } else if (head.starts_with("version https://git-lfs")) {
    found = "a Git LFS pointer, not the weights. Run `git lfs pull` in its folder.";
  } else if (head.starts_with("<!DOCTYPE") || head.starts_with("<!doctype") ||
             head.starts_with("<html")) {
    found = "a web page, not the weights. Fetch the file itself.";
  }
  if (found) throw Error(ErrorCode::kCorrupt, std::string(file) + ": " + found);
}

}  // namespace heng::checkpoint
