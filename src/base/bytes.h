// Bounds-checked little-endian reader: the only way the project reads numbers out of file bytes.
// Borrows the bytes. Throws Error kCorrupt naming the file, the field, what it needs and what is
// left.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "heng/error.h"

namespace heng {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files and kernels assume little-endian");

class ByteReader {
 public:
  // `file` is named in errors and must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, std::string_view file)
      : bytes_(bytes), file_(file) {}

  uint64_t position() const { return at_; }
  uint64_t remaining() const { return bytes_.size() - at_; }

  template <typename T>
  requires std::is_trivially_copyable_v<T> T read(std::string_view field) {
    T value;
    std::memcpy(&value, take(sizeof(T), field).data(), sizeof(T));
    return value;
  }

  // The next `n` bytes, borrowed.
  std::span<const std::byte> take(uint64_t n, std::string_view field) {
    if (n > remaining()) {
      throw Error(ErrorCode::kCorrupt, std::string(file_) + ": " + std::string(field) +
                                           " at byte " + std::to_string(at_) + " needs " +
                                           std::to_string(n) + " bytes, " +
                                           std::to_string(remaining()) +
                                           " are left. The file is damaged or incomplete.");
    }
    auto part = bytes_.subspan(at_, n);
    at_ += n;
    return part;
  }

  void seek(uint64_t position, std::string_view field) {
    at_ = 0;
    take(position, field);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view file_;
  uint64_t at_ = 0;
};

}  // namespace heng
