#include "text/gpt2_alphabet.h"

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace heng::text {
namespace {

constexpr size_t kAlphabetSize = 0x144;

constexpr std::array<uint16_t, 256> characters() {
  std::array<uint16_t, 256> of_byte{};
  uint16_t next = 0x100;
  for (uint16_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    of_byte[b] = printable ? b : next++;
  }
  return of_byte;
}

// Index = character, value = byte or -1.
constexpr std::array<int16_t, kAlphabetSize> bytes_of_characters() {
  std::array<int16_t, kAlphabetSize> bytes{};
  bytes.fill(-1);
  for (int16_t b = 0; b < 256; ++b) bytes[characters()[static_cast<size_t>(b)]] = b;
  return bytes;
}

}  // namespace

bool bytes_of_spelling(std::string_view spelled, std::string& bytes) {
  static constexpr auto kBytes = bytes_of_characters();
  bytes.clear();
  for (size_t at = 0; at < spelled.size();) {
    const Utf8Step step = utf8_step(spelled.substr(at));
    if (step.kind != Utf8Kind::kCharacter) return false;
    const char32_t c = utf8_decode(spelled.substr(at));
    if (c >= kAlphabetSize || kBytes[c] < 0) return false;
    bytes += static_cast<char>(kBytes[c]);
    at += step.length;
  }
  return true;
}

std::string spelling_of_bytes(std::string_view bytes) {
  static constexpr auto kCharacters = characters();
  std::string spelled;
  for (const char byte : bytes) {
    utf8_append(kCharacters[static_cast<uint8_t>(byte)], spelled);
  }
  return spelled;
}

}  // namespace heng::text
