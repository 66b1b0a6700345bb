#include "text/gguf_tokenizer.h"

#include <limits>
#include <unordered_map>

#include "base/message.h"
#include "text/bpe_tokenizer.h"
#include "text/gpt2_alphabet.h"

namespace heng::text {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

// llama_token_type of llama.h, as files store it.
enum TokenType : int64_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

TokenKind kind_of(int64_t type) {
  switch (type) {
    case kControl:
    case kUnknown:
      return TokenKind::kSpecial;
    case kUserDefined:
      return TokenKind::kAdded;
    case kUnused:
      return TokenKind::kUnused;
    default:
      return TokenKind::kPlain;
  }
}

std::vector<int64_t> read_types(const JsonObject& metadata, size_t n_tokens) {
  std::vector<int64_t> types = metadata.integers_or_empty(kTypesKey);
  if (types.empty()) types.assign(n_tokens, kNormal);
  if (types.size() != n_tokens) {
    metadata.fail(kTypesKey, "has " + std::to_string(types.size()) + " entries, expected " +
                                 std::to_string(n_tokens) + ", one per token");
  }
  for (size_t i = 0; i < n_tokens; ++i) {
    if (types[i] < kNormal || types[i] > kByte) {
      metadata.fail(kTypesKey, "entry " + std::to_string(i) + " is " + std::to_string(types[i]) +
                                   ", expected 1 to 6");
    }
  }
  return types;
}

// Special and added tokens are spelled as they are, plain ones in the alphabet.
Vocabulary read_vocabulary(const JsonObject& metadata) {
  std::vector<std::string> tokens = metadata.strings_or_empty(kTokensKey);
  if (tokens.empty()) metadata.fail(kTokensKey, "is missing or empty, expected the vocabulary");
  if (tokens.size() > std::numeric_limits<TokenId>::max()) {
    metadata.fail(kTokensKey, "has " + std::to_string(tokens.size()) + " entries, too many");
  }
  const std::vector<int64_t> types = read_types(metadata, tokens.size());
  Vocabulary vocabulary;
  for (size_t i = 0; i < tokens.size(); ++i) {
    TokenKind kind = kind_of(types[i]);
    std::string bytes;
    if (kind == TokenKind::kPlain) {
      if (bytes_of_spelling(tokens[i], bytes)) {
        tokens[i] = std::move(bytes);
      } else {
        kind = TokenKind::kUnused;  // no text can spell it; decoding shows it as it is
      }
    }
    vocabulary.bytes.push_back(std::move(tokens[i]));
    vocabulary.kinds.push_back(kind);
  }
  return vocabulary;
}

// Ids by bytes, while the merges are read. Plain tokens go before special ones of the same
// spelling.
using Index = std::unordered_map<std::string_view, TokenId>;

Index index_tokens(const Vocabulary& vocabulary, const JsonObject& metadata) {
  Index index;
  index.reserve(vocabulary.bytes.size());
  const auto add = [&](size_t id) {
    return index.try_emplace(vocabulary.bytes[id], static_cast<TokenId>(id));
  };
  for (size_t i = 0; i < vocabulary.bytes.size(); ++i) {
    if (vocabulary.kinds[i] != TokenKind::kPlain) continue;
    const auto [other, is_new] = add(i);
    if (!is_new) {
      metadata.fail(kTokensKey, "entries " + std::to_string(other->second) + " and " +
                                    std::to_string(i) + " are the same token");
    }
  }
  for (size_t i = 0; i < vocabulary.bytes.size(); ++i) add(i);
  return index;
}

std::vector<ByteBpe::Merge> read_merges(const JsonObject& metadata, const Vocabulary& vocabulary) {
  const Index index = index_tokens(vocabulary, metadata);
  const std::vector<std::string> lines = metadata.strings_or_empty(kMergesKey);
  const auto is_plain = [&](TokenId id) {
    return vocabulary.kinds[static_cast<size_t>(id)] == TokenKind::kPlain;
  };
  std::vector<ByteBpe::Merge> merges;
  merges.reserve(lines.size());
  std::string left, right;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    const size_t space = line.find(' ');
    const bool spelled = space != std::string_view::npos &&
                         bytes_of_spelling(line.substr(0, space), left) &&
                         bytes_of_spelling(line.substr(space + 1), right);
    if (!spelled) metadata.fail(kMergesKey, "entry " + std::to_string(i) + " is no pair of tokens");
    const auto a = index.find(left), b = index.find(right), merged = index.find(left + right);
    if (a == index.end() || b == index.end() || merged == index.end()) {
      metadata.fail(kMergesKey, "entry " + std::to_string(i) +
                                    " names or makes a token that the vocabulary does not have");
    }
    // A special token must not come out of plain text, so what merges towards one is left out.
    if (!is_plain(a->second) || !is_plain(b->second) || !is_plain(merged->second)) continue;
    merges.push_back({a->second, b->second, merged->second});
  }
  return merges;
}

std::string list_of(const std::vector<std::string_view>& names) {
  std::string list;
  for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

const PreTokenizer& read_pre_tokenizer(const JsonObject& metadata, std::string_view file) {
  const std::string model = metadata.string_or(kModelKey, "");
  if (model != "gpt2") {
    throw Error(ErrorCode::kUnsupported, std::string(file) + ": " + std::string(kModelKey) +
                                             " is \"" + printable(model) +
                                             "\"; supported: gpt2 (byte-level BPE)");
  }
  const std::string name = metadata.string_or(kPreKey, "default");
  if (const PreTokenizer* pre = find_pre_tokenizer(name)) return *pre;
  throw Error(ErrorCode::kUnsupported, std::string(file) + ": " + std::string(kPreKey) + " is \"" +
                                           printable(name) +
                                           "\"; supported: " + list_of(pre_tokenizer_names()));
}

std::optional<TokenId> read_id(const JsonObject& metadata, std::string_view key, size_t n_tokens) {
  if (!metadata.has(key)) return std::nullopt;
  return static_cast<TokenId>(metadata.integer(key, 0, static_cast<int64_t>(n_tokens) - 1));
}

}  // namespace

std::shared_ptr<const Tokenizer> make_gguf_tokenizer(const Json& json, std::string_view file) {
  const JsonObject metadata(json, file);
  const PreTokenizer& pre = read_pre_tokenizer(metadata, file);
  Vocabulary vocabulary = read_vocabulary(metadata);
  const size_t n_tokens = vocabulary.bytes.size();
  const auto merges = read_merges(metadata, vocabulary);
  const bool add_bos = metadata.boolean_or("tokenizer.ggml.add_bos_token", pre.add_bos);
  const auto bos_id = read_id(metadata, "tokenizer.ggml.bos_token_id", n_tokens);
  if (add_bos && !bos_id) {
    metadata.fail("tokenizer.ggml.bos_token_id", "is missing, but the text begins with that token");
  }
  BpeTokenizerParts parts{
      .bpe =
          ByteBpe(std::move(vocabulary), merges,
                  pre.take_whole ? ByteBpe::WholePiece::kTakeToken : ByteBpe::WholePiece::kMerge),
      .splitter = PieceSplitter(pre.patterns),
      .nfc = pre.nfc,
      .bos_id = bos_id,
      .eos_id = read_id(metadata, "tokenizer.ggml.eos_token_id", n_tokens),
      .prefix = add_bos ? std::vector{*bos_id} : std::vector<TokenId>(),
      .description =
          "gpt2 BPE (" + std::string(pre.name) + "), " + std::to_string(n_tokens) + " tokens",
  };
  return make_bpe_tokenizer(std::move(parts));
}

}  // namespace heng::text
