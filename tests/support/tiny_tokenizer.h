// A byte vocabulary small enough to write into a test: all 256 bytes and a few merges, as a
// qwen.tiktoken file. Special tokens follow from id tiny_ranks().size() on.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace heng::test {

inline std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kAlphabet[bits >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

// Index = rank.
inline std::vector<std::string> tiny_ranks() {
  std::vector<std::string> ranks;
  for (int b = 0; b < 256; ++b) ranks.push_back(std::string(1, static_cast<char>(b)));
  for (const char* merge : {"he",           "ll",       "llo",          "hello",
                            " h",           "aa",       "aaaa",         "aaaaaaaa",
                            "\n\n",         "  ",       "\xC3\xA9",     "\xE4\xBD",
                            "\xE4\xBD\xA0", "\xF0\x9F", "\xF0\x9F\x98", "\xF0\x9F\x98\x80",
                            "<|",           "|>",       "im",           "im_",
                            "us",           "er",       "user"}) {
    ranks.push_back(merge);
  }
  return ranks;
}

inline std::string tiktoken_text(const std::vector<std::string>& ranks) {
  std::string text;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    text += base64(ranks[rank]) + " " + std::to_string(rank) + "\n";
  }
  return text;
}

// Writes <folder>/qwen.tiktoken; makes the folder.
inline void write_tiny_tokenizer(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "qwen.tiktoken", std::ios::binary) << tiktoken_text(tiny_ranks());
}

}  // namespace heng::test
