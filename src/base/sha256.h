// SHA-256 (FIPS 180-4), for telling files apart. One hash at a time; not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace heng {

class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  // 64 hexadecimal digits. The hash is over: nothing may be added behind it.
  std::string finish();

 private:
  void take_block(const std::byte* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> held_{};
  uint64_t n_bytes_ = 0;
};

// Of one text.
std::string sha256_hex(std::string_view text);

}  // namespace heng
