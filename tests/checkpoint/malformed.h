// Damaged and hostile files, made by rule: what every reader must end with one line of Error on,
// and, where damage may fall on bytes that nobody checks, with success.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "support/file_bytes.h"

namespace heng::test {

enum class Reader { kSafetensors, kGguf, kTorch, kPickle, kIndex, kJson };

struct MalformedFile {
  Reader reader;
  std::string claim;  // what is wrong
  std::string bytes;
  bool may_open = false;        // damage that need not show
  std::string expected_text{};  // part of the error
};

class MalformedFiles {
 public:
  explicit MalformedFiles(Reader reader) : reader_(reader) {}

  MalformedFiles& add(std::string claim, std::string bytes, std::string expected_text = "") {
    files_.push_back(
        {reader_, std::move(claim), std::move(bytes), false, std::move(expected_text)});
    return *this;
  }

  // Every shorter file.
  MalformedFiles& add_truncations(const std::string& good) {
    for (size_t n = 0; n < good.size(); ++n) {
      add("cut to " + std::to_string(n) + " bytes", good.substr(0, n));
    }
    return *this;
  }

  // Every byte changed: one bit at its bottom, one at its top, all of them.
  MalformedFiles& add_flips(const std::string& good) {
    for (size_t i = 0; i < good.size(); ++i) {
      for (const int bits : {0x01, 0x80, 0xff}) {
        std::string bytes = good;
        bytes[i] = static_cast<char>(bytes[i] ^ bits);
        may_open("byte " + std::to_string(i) + " flipped by " + std::to_string(bits), bytes);
      }
    }
    return *this;
  }

  // Every place in the first `n` bytes overwritten by numbers that break careless arithmetic, in
  // each width that the formats use. The fields' own places are among them.
  MalformedFiles& add_numbers(const std::string& good, size_t n) {
    constexpr std::array<uint64_t, 10> kNumbers{0,
                                                1,
                                                UINT64_MAX,
                                                UINT64_MAX - 1,
                                                uint64_t{1} << 31,
                                                uint64_t{1} << 32,
                                                uint64_t{1} << 63,
                                                (uint64_t{1} << 63) - 1,
                                                uint64_t{0} - 31,
                                                0x4000000000000001};
    for (size_t i = 0; i < n; ++i) {
      for (const uint64_t number : kNumbers) {
        for (const size_t width : {size_t{2}, size_t{4}, size_t{8}}) {
          if (i + width > good.size()) continue;
          std::string bytes = good;
          std::memcpy(bytes.data() + i, &number, width);
          if (bytes == good) continue;
          may_open("number " + std::to_string(number) + " in " + std::to_string(width) +
                       " bytes at byte " + std::to_string(i),
                   bytes);
        }
      }
    }
    return *this;
  }

  MalformedFiles& may_open(std::string claim, std::string bytes) {
    files_.push_back({reader_, std::move(claim), std::move(bytes), true});
    return *this;
  }

  std::vector<MalformedFile> take() { return std::move(files_); }

 private:
  Reader reader_;
  std::vector<MalformedFile> files_;
};

std::vector<MalformedFile> malformed_safetensors();
std::vector<MalformedFile> malformed_gguf();
std::vector<MalformedFile> malformed_torch();
std::vector<MalformedFile> malformed_pickles();
std::vector<MalformedFile> malformed_texts();  // indexes and configurations

}  // namespace heng::test
