#include "text/hf_bpe.h"

#include <algorithm>
#include <unordered_map>

#include "base/message.h"
#include "text/nfc.h"

namespace heng::text {
namespace {

[[noreturn]] void refuse(const JsonObject& model, std::string_view key, const std::string& text) {
  throw Error(ErrorCode::kUnsupported, model.where(key) + ": " + text + ".");
}

TokenId vocab_id(const HfBpe& parts, const std::string& token, const Json& id) {
  const bool good =
      id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < kMostTokenIds;
  if (!good) {
    parts.model.fail("vocab", "\"" + printable(token) + "\" has no id from 0 to " +
                                  std::to_string(kMostTokenIds - 1));
  }
  return id.get<TokenId>();
}

// One more than the largest id.
size_t count_ids(const HfBpe& parts) {
  size_t n = 0;
  for (const auto& [token, id] : parts.vocab.items()) {
    n = std::max(n, static_cast<size_t>(vocab_id(parts, token, id)) + 1);
  }
  for (const AddedToken& token : parts.added) n = std::max(n, static_cast<size_t>(token.id) + 1);
  const size_t n_tokens = parts.vocab.size() + parts.added.size();
  if (parts.vocab.empty()) parts.model.fail("vocab", "is empty");
  if (n > 2 * n_tokens + 1024) {
    parts.model.fail("vocab", "has ids up to " + std::to_string(n - 1) + " for " +
                                  std::to_string(n_tokens) + " tokens");
  }
  return n;
}

Vocabulary spelled_vocabulary(const HfBpe& parts) {
  const size_t n = count_ids(parts);
  Vocabulary vocabulary;
  vocabulary.bytes.resize(n);
  vocabulary.kinds.assign(n, TokenKind::kUnused);
  std::vector<bool> taken(n);
  for (const auto& [token, json_id] : parts.vocab.items()) {
    const auto id = json_id.get<size_t>();
    if (taken[id]) {
      parts.model.fail("vocab", "\"" + printable(token) + "\" has the id " + std::to_string(id) +
                                    " of another token");
    }
    taken[id] = true;
    std::string& bytes = vocabulary.bytes[id];
    const int byte = parts.byte_fallback ? byte_named(token) : -1;
    if (byte >= 0) {
      bytes.assign(1, static_cast<char>(byte));
      vocabulary.kinds[id] = TokenKind::kByte;
    } else if (!token.empty() && spelled_bytes(parts.steps.spelling, token, bytes)) {
      vocabulary.kinds[id] = TokenKind::kPlain;
    } else {
      bytes = token;  // no text can spell it; decoding shows it as it is
    }
  }
  return vocabulary;
}

// The added tokens of all files: those of the tokenizer's own, then what the configuration adds.
void join_added(HfBpe& parts, const TokenizerConfig& config) {
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < parts.added.size(); ++i) places.emplace(parts.added[i].content, i);
  for (const AddedToken& token : config.added) {
    const auto [place, is_new] = places.emplace(token.content, parts.added.size());
    if (is_new) {
      parts.added.push_back(token);
      continue;
    }
    AddedToken& known = parts.added[place->second];
    known.special |= token.special;
    if (known.id == token.id) continue;
    parts.model.fail("added_tokens", "\"" + printable(token.content) + "\" has the id " +
                                         std::to_string(known.id) + ", in tokenizer_config.json " +
                                         std::to_string(token.id));
  }
  for (const std::string& name : config.special) {
    const auto place = places.find(name);
    if (place != places.end()) {
      parts.added[place->second].special = true;
    } else if (const auto found = parts.vocab.find(name); found != parts.vocab.end()) {
      places.emplace(name, parts.added.size());
      parts.added.push_back(
          {.content = name, .id = vocab_id(parts, name, *found), .special = true});
    }
  }
}

// Gives the added tokens their kinds and checks that each id means one token only.
void place_added(const HfBpe& parts, Vocabulary& vocabulary) {
  std::vector<bool> added(vocabulary.bytes.size());
  const auto fail = [&](const AddedToken& token, const std::string& problem) {
    parts.model.fail("added_tokens", "\"" + printable(token.content) + "\" (id " +
                                         std::to_string(token.id) + ") " + problem);
  };
  for (const AddedToken& token : parts.added) {
    const auto id = static_cast<size_t>(token.id);
    if (token.content.empty()) fail(token, "has no text");
    if (added[id]) fail(token, "has the id of another added token");
    added[id] = true;
    const auto found = parts.vocab.find(token.content);
    const bool in_vocab = found != parts.vocab.end();
    if (in_vocab && found->get<size_t>() != id) {
      fail(token, "has another id in the vocabulary: " + found->dump());
    }
    if (!in_vocab && !vocabulary.bytes[id].empty()) fail(token, "has the id of another token");
    if (!token.special && vocabulary.kinds[id] == TokenKind::kPlain &&
        vocabulary.bytes[id] == token.content) {
      continue;  // merging makes it as well
    }
    vocabulary.kinds[id] = token.special ? TokenKind::kSpecial : TokenKind::kAdded;
    vocabulary.bytes[id] = token.content;
  }
}

std::optional<TokenId> role(const HfBpe& parts, const std::optional<std::string>& name,
                            std::string_view key) {
  if (!name) return std::nullopt;
  const auto found = std::find_if(parts.added.begin(), parts.added.end(),
                                  [&](const AddedToken& token) { return token.content == *name; });
  if (found != parts.added.end()) return found->id;
  parts.model.fail("vocab", "has no \"" + printable(*name) +
                                "\", which tokenizer_config.json has as " + std::string(key));
}

std::vector<TokenId> prefix(const HfBpe& parts, const TokenizerConfig& config,
                            std::optional<TokenId> bos_id, size_t n_ids) {
  if (config.add_bos_token && !*config.add_bos_token) return {};
  if (config.add_bos_token) {
    if (bos_id) return {*bos_id};
    parts.model.fail("vocab", "tokenizer_config.json has add_bos_token, but no bos_token");
  }
  for (const TokenId id : parts.steps.prefix) {
    if (static_cast<size_t>(id) < n_ids) continue;
    parts.model.fail("post_processor", "puts token " + std::to_string(id) +
                                           " in front, the last one is " +
                                           std::to_string(n_ids - 1));
  }
  return parts.steps.prefix;
}

ByteBpe merged(const HfBpe& parts, Vocabulary vocabulary) {
  const auto fail_token = [&](size_t id, const std::string& problem) {
    parts.model.fail("vocab", "token " + std::to_string(id) + " " + problem);
  };
  const auto merges =
      resolve_merges(vocabulary, parts.steps.spelling, parts.merges, fail_token, parts.fail_merge);
  const bool characters = parts.steps.spelling == Spelling::kSpaceMarks;
  ByteBpe bpe(std::move(vocabulary), merges,
              parts.take_whole ? ByteBpe::WholePiece::kTakeToken : ByteBpe::WholePiece::kMerge,
              characters ? ByteBpe::Symbols::kCharacters : ByteBpe::Symbols::kBytes);
  if (characters && !bpe.has_all_bytes()) {
    refuse(parts.model, "byte_fallback",
           "supported with U+2581 for spaces: true, with all 256 tokens <0x00> to <0xFF>");
  }
  if (parts.has_unknown && !bpe.has_all_utf8_bytes()) {
    refuse(parts.model, "unk_token",
           "the vocabulary lacks some bytes, so plain text would hold it; supported: null");
  }
  return bpe;
}

}  // namespace

std::shared_ptr<const Tokenizer> make_hf_bpe_tokenizer(HfBpe parts, const TokenizerConfig& config) {
  join_added(parts, config);
  Vocabulary vocabulary = spelled_vocabulary(parts);
  place_added(parts, vocabulary);
  const size_t n_ids = vocabulary.bytes.size();
  const auto bos_id = role(parts, config.bos_token, "bos_token");
  std::vector<SpecialNames::Entry> names, names_in_normal_text;
  for (const AddedToken& token : parts.added) {
    if (token.normalized && parts.steps.spelling == Spelling::kSpaceMarks) {
      refuse(parts.model, "added_tokens",
             "\"" + printable(token.content) + "\" is normalized; supported with U+2581: false");
    }
    if (!token.normalized) {
      names.push_back({token.content, token.id});
    } else {
      names_in_normal_text.push_back(
          {parts.steps.nfc ? to_nfc(token.content) : token.content, token.id});
    }
  }
  const size_t n_added = parts.added.size();
  return make_bpe_tokenizer({
      .bpe = merged(parts, std::move(vocabulary)),
      .splitter = PieceSplitter(parts.steps.patterns),
      .nfc = parts.steps.nfc,
      .marks_are_spaces = parts.steps.spelling == Spelling::kSpaceMarks,
      .space_prefix = parts.steps.space_prefix,
      .drops_first_space = parts.steps.drops_first_space,
      .names = std::move(names),
      .names_in_normal_text = std::move(names_in_normal_text),
      .bos_id = bos_id,
      .eos_id = role(parts, config.eos_token, "eos_token"),
      .prefix = prefix(parts, config, bos_id, n_ids),
      .description = parts.description + " BPE, " + with_commas(n_ids) + " tokens, " +
                     with_commas(n_added) + " of them added",
  });
}

}  // namespace heng::text
