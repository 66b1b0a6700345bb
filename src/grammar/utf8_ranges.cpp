#include "grammar/utf8_ranges.h"

#include <algorithm>
#include <array>

namespace heng::grammar {
namespace {

using Bytes = std::array<uint8_t, 4>;

constexpr std::array<CodeRange, 5> kLengths = {
    {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}}};

size_t encode(char32_t c, Bytes& out) {
  if (c < 0x80) return out[0] = static_cast<uint8_t>(c), 1;
  const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static constexpr uint8_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = n; i-- > 1; c >>= 6) out[i] = static_cast<uint8_t>(0x80 | (c & 0x3F));
  out[0] = static_cast<uint8_t>(kLead[n] | c);
  return n;
}

// All sequences of `n` bytes from `low` to `high` in order, with continuation bytes behind the
// first. Parts whose bounds are open are whole ranges.
NodeId between(ProgramBuilder& b, const uint8_t* low, const uint8_t* high, size_t n, NodeId next) {
  if (n == 1) return b.range(*low, *high, next);
  static constexpr Bytes kLeast = {0x80, 0x80, 0x80, 0x80}, kMost = {0xBF, 0xBF, 0xBF, 0xBF};
  const auto is = [n](const uint8_t* bytes, const Bytes& bound) {
    return std::equal(bytes + 1, bytes + n, bound.begin());
  };
  if (*low == *high) {
    return b.range(*low, *low, between(b, low + 1, high + 1, n - 1, next));
  }
  NodeId all = ProgramBuilder::kNever;
  uint8_t first = *low, last = *high;
  if (!is(low, kLeast)) {
    all = b.either(all, b.range(first, first, between(b, low + 1, kMost.data(), n - 1, next)));
    ++first;
  }
  if (!is(high, kMost)) {
    all = b.either(all, b.range(last, last, between(b, kLeast.data(), high + 1, n - 1, next)));
    --last;
  }
  if (first > last) return all;
  const NodeId rest = between(b, kLeast.data(), kMost.data(), n - 1, next);
  return b.either(all, b.range(first, last, rest));
}

}  // namespace

NodeId utf8_range(ProgramBuilder& builder, CodeRange range, NodeId next) {
  NodeId all = ProgramBuilder::kNever;
  for (const CodeRange& length : kLengths) {
    const char32_t first = std::max(range.first, length.first);
    const char32_t last = std::min(range.last, length.last);
    if (first > last) continue;
    Bytes low, high;
    const size_t n = encode(first, low);
    encode(last, high);
    all = builder.either(all, between(builder, low.data(), high.data(), n, next));
  }
  return all;
}

std::pair<char32_t, size_t> decode_utf8(std::string_view bytes) {
  const auto lead = static_cast<uint8_t>(bytes[0]);
  if (lead < 0x80) return {lead, 1};
  const size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  char32_t c = lead & (0x7F >> n);
  for (size_t i = 1; i < n; ++i) c = (c << 6) | (static_cast<uint8_t>(bytes[i]) & 0x3F);
  return {c, n};
}

}  // namespace heng::grammar
