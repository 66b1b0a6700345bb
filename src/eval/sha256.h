// SHA-256, for telling files apart: libcrypto's. One hash at a time; not thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace heng::eval {

class Sha256 {
 public:
  Sha256();  // throws Error kOutOfMemory
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  // 64 hexadecimal digits. The hash is over: nothing may be added behind it.
  std::string finish();

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

// Of one text.
std::string sha256_hex(std::string_view text);

}  // namespace heng::eval
