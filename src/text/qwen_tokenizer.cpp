#include "text/qwen_tokenizer.h"

#include <array>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "base/file_map.h"
#include "base/json.h"
#include "base/message.h"
#include "text/bpe_tokenizer.h"

namespace heng::text {
namespace {

constexpr size_t kMostFileBytes = 64u << 20;   // Qwen's file has 2.5 MB
constexpr size_t kMostLineBytes = 2048;        // Qwen's longest line has 179
constexpr size_t kMostSourceBytes = 4u << 20;  // tokenization_qwen.py, config.json
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> alphabet_values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}

// Strict base64 (RFC 4648): padded, no stray bits. nullopt where `text` is anything else.
std::optional<std::string> decode_base64(std::string_view text) {
  static constexpr auto kValues = alphabet_values();
  if (text.size() % 4 != 0) return std::nullopt;
  size_t pads = 0;
  while (pads < 2 && text.size() > pads && text[text.size() - 1 - pads] == '=') ++pads;
  std::string out;
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text.substr(0, text.size() - pads)) {
    const int value = kValues[static_cast<uint8_t>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out += static_cast<char>(bits >> n_bits);
    bits &= (1u << n_bits) - 1;
  }
  if (bits != 0) return std::nullopt;
  return out;
}

[[noreturn]] void fail(std::string_view file, size_t line, const std::string& problem) {
  throw Error(ErrorCode::kCorrupt, std::string(file) + ": line " + std::to_string(line) + ": " +
                                       problem + ". Fetch the file again.");
}

std::string parse_line(std::string_view line, size_t number, std::string_view file) {
  if (line.size() > kMostLineBytes) {
    fail(file, number,
         "has " + std::to_string(line.size()) + " bytes, expected at most " +
             std::to_string(kMostLineBytes));
  }
  const size_t space = line.find(' ');
  if (space == std::string_view::npos)
    fail(file, number, "expected \"base64 rank\", found no space");
  auto piece = decode_base64(line.substr(0, space));
  if (!piece || piece->empty()) fail(file, number, "expected a token in base64 before the space");
  const std::string_view digits = line.substr(space + 1);
  uint32_t rank = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    fail(file, number, "expected a rank after the space");
  }
  if (rank != number - 1) {
    fail(file, number, "rank " + std::to_string(rank) + ", expected " + std::to_string(number - 1));
  }
  return std::move(*piece);
}

}  // namespace

std::vector<std::string> parse_tiktoken(std::string_view contents, std::string_view file) {
  std::vector<std::string> ranks;
  for (size_t at = 0; at < contents.size();) {
    const size_t end = std::min(contents.find('\n', at), contents.size());
    std::string_view line = contents.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ranks.push_back(parse_line(line, ranks.size() + 1, file));
    at = end + 1;
  }
  std::unordered_set<std::string_view> seen;
  seen.reserve(ranks.size());
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (!seen.insert(ranks[i]).second) fail(file, i + 1, "the same token as on a line before");
  }
  return ranks;
}

QwenRelease detect_qwen_release(const std::filesystem::path& folder) {
  const auto source = folder / "tokenization_qwen.py";
  if (std::filesystem::exists(source)) {
    const std::string python = read_text_file(source, kMostSourceBytes);
    if (python.find("<|extra_") != std::string::npos) return QwenRelease::kDecember2023;
    if (python.find("<extra_") != std::string::npos) return QwenRelease::kAugust2023;
  }
  const auto config = folder / "config.json";
  if (std::filesystem::exists(config)) {
    const Json json = parse_json(read_text_file(config, kMostSourceBytes), config.string());
    if (json.is_object() && json.contains("n_embd")) return QwenRelease::kAugust2023;
  }
  return QwenRelease::kDecember2023;
}

std::vector<std::string> qwen_special_names(QwenRelease release) {
  std::vector<std::string> names = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  if (release == QwenRelease::kAugust2023) {
    names.insert(names.end(), {"<R>", "<S>", "<X>", "<mask>", "<sep>"});
    for (int i = 0; i < 200; ++i) names.push_back("<extra_" + std::to_string(i) + ">");
  } else {
    for (int i = 0; i < 205; ++i) names.push_back("<|extra_" + std::to_string(i) + "|>");
  }
  return names;
}

std::shared_ptr<const Tokenizer> make_qwen_tokenizer(std::vector<std::string> ranks,
                                                     QwenRelease release, std::string_view file) {
  const size_t n_ranks = ranks.size();
  Vocabulary vocabulary{.bytes = std::move(ranks), .kinds = {}};
  vocabulary.kinds.assign(n_ranks, TokenKind::kPlain);
  for (std::string& name : qwen_special_names(release)) {
    vocabulary.bytes.push_back(std::move(name));
    vocabulary.kinds.push_back(TokenKind::kSpecial);
  }
  const size_t n_special = vocabulary.bytes.size() - n_ranks;
  const std::string_view pattern = qwen_pattern();
  auto names = named_tokens(vocabulary);
  BpeTokenizerParts parts{
      .bpe = ByteBpe(std::move(vocabulary)),
      .splitter = PieceSplitter(std::span(&pattern, 1)),
      .nfc = true,
      .names_in_normal_text = std::move(names),
      .bos_id = std::nullopt,
      .eos_id = static_cast<TokenId>(n_ranks),  // <|endoftext|>
      .prefix = {},
      .description =
          "qwen.tiktoken, " + with_commas(n_ranks) + " + " + with_commas(n_special) + " special",
  };
  if (!parts.bpe.has_all_bytes()) {
    throw Error(ErrorCode::kCorrupt, std::string(file) +
                                         ": not every byte is a token; expected all 256, so that "
                                         "any text can be written. Fetch the file again.");
  }
  return make_bpe_tokenizer(std::move(parts));
}

std::vector<std::string> read_qwen_ranks(const std::filesystem::path& folder) {
  const auto file = folder / "qwen.tiktoken";
  return parse_tiktoken(read_text_file(file, kMostFileBytes), file.string());
}

std::shared_ptr<const Tokenizer> load_qwen_tokenizer(const std::filesystem::path& folder) {
  return make_qwen_tokenizer(read_qwen_ranks(folder), detect_qwen_release(folder),
                             (folder / "qwen.tiktoken").string());
}

}  // namespace heng::text
