#include "text/sentencepiece_model.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/bytes.h"
#include "base/message.h"
#include "text/utf8.h"

namespace heng::text {
namespace {

// Field numbers of sentencepiece_model.proto.
enum ModelField { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum PieceField { kText = 1, kScore = 2, kType = 3 };
enum TrainerField { kModelType = 3, kByteFallback = 35, kUnkId = 40, kBosId = 41, kEosId = 42 };
enum NormalizerField { kCharsMap = 2, kDummyPrefix = 3, kExtraWhitespaces = 4 };
enum WireType { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

constexpr size_t kMostPieces = 1u << 22;
constexpr size_t kLongestPiece = 4096;

std::span<const std::byte> as_bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Walks the fields of one protobuf message.
class Message {
 public:
  Message(std::string_view bytes, std::string_view file)
      : reader_(as_bytes_of(bytes), file), file_(file) {}

  // False at the end.
  bool next() {
    if (reader_.remaining() == 0) return false;
    const uint64_t key = varint();
    field_ = key >> 3;
    wire_ = static_cast<int>(key & 7);
    switch (wire_) {
      case kVarint:
        number_ = varint();
        break;
      case kFixed64:
        reader_.take(8, "a 64-bit field");
        break;
      case kLength:
        bytes_ = reader_.take(varint(), "a field with a length");
        break;
      case kFixed32:
        number_ = reader_.read<uint32_t>("a 32-bit field");
        break;
      default:
        fail("field " + std::to_string(field_) + " has wire type " + std::to_string(wire_));
    }
    return true;
  }

  uint64_t field() const { return field_; }
  std::string_view bytes() const {
    if (wire_ != kLength) wrong_type();
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  int64_t integer() const {
    if (wire_ != kVarint) wrong_type();
    return static_cast<int64_t>(number_);
  }
  float number() const {
    if (wire_ != kFixed32) wrong_type();
    const auto bits = static_cast<uint32_t>(number_);
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorCode::kCorrupt, std::string(file_) + ": no SentencePiece model: " + problem +
                                         ". Fetch the file again.");
  }

 private:
  [[noreturn]] void wrong_type() const {
    fail("field " + std::to_string(field_) + " has wire type " + std::to_string(wire_) +
         ", expected another");
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = reader_.read<uint8_t>("a number");
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail("a number at byte " + std::to_string(reader_.position()) + " has more than 64 bits");
  }

  ByteReader reader_;
  std::string_view file_;
  uint64_t field_ = 0, number_ = 0;
  int wire_ = 0;
  std::span<const std::byte> bytes_;
};

SentencePieceModel::Piece read_piece(std::string_view bytes, size_t id, std::string_view file) {
  using Type = SentencePieceModel::PieceType;
  SentencePieceModel::Piece piece;
  Message message(bytes, file);
  const auto check = [&](bool good, const std::string& problem) {
    if (!good) message.fail("piece " + std::to_string(id) + " " + problem);
  };
  while (message.next()) {
    if (message.field() == kText) piece.text = message.bytes();
    if (message.field() == kScore) piece.score = message.number();
    if (message.field() == kType) {
      const int64_t type = message.integer();
      check(type >= 1 && type <= 6, "has type " + std::to_string(type) + ", expected 1 to 6");
      piece.type = static_cast<Type>(type);
    }
  }
  check(!piece.text.empty() && piece.text.size() <= kLongestPiece,
        "has " + std::to_string(piece.text.size()) + " bytes, expected 1 to " +
            std::to_string(kLongestPiece));
  check(is_valid_utf8(piece.text) && piece.text.find('\0') == std::string::npos, "is no text");
  check(std::isfinite(piece.score), "has a score that is not finite");
  return piece;
}

void read_trainer(std::string_view bytes, std::string_view file, SentencePieceModel& model) {
  Message message(bytes, file);
  const auto id = [&] {
    return static_cast<int>(std::max<int64_t>(
        std::min<int64_t>(message.integer(), std::numeric_limits<int>::max()), -1));
  };
  while (message.next()) {
    if (message.field() == kModelType) {
      const int64_t kind = message.integer();
      if (kind != 1 && kind != 2) {
        throw Error(ErrorCode::kUnsupported, std::string(file) + ": model type " +
                                                 std::to_string(kind) +
                                                 ", expected 1 (unigram) or 2 (BPE).");
      }
      model.kind = static_cast<SentencePieceModel::Kind>(kind);
    }
    if (message.field() == kByteFallback) model.byte_fallback = message.integer() != 0;
    if (message.field() == kBosId) model.bos_id = id();
    if (message.field() == kEosId) model.eos_id = id();
  }
}

// The normaliser's table of replacements: a double-array trie whose units point at each other, and
// the texts its leaves point into. The library follows both without looking.
// Layout: u32 bytes of the trie, its units (u32), then the texts, each ended by NUL.
// Unit: bit 31 leaf value, bits 30..10 offset with bit 9 saying "times 256", bit 8 has a leaf.
// Source: darts.h of darts-clone, DoubleArrayUnit; normalizer.cc, DecodePrecompiledCharsMap.
void check_chars_map(std::string_view map, const Message& message) {
  if (map.empty()) return;
  const auto check = [&](bool good) {
    if (!good) message.fail("its table of replacements is damaged");
  };
  uint32_t trie_bytes = 0;
  check(map.size() > sizeof(trie_bytes));
  std::memcpy(&trie_bytes, map.data(), sizeof(trie_bytes));
  map.remove_prefix(sizeof(trie_bytes));
  check(trie_bytes < map.size() && trie_bytes % sizeof(uint32_t) == 0 && trie_bytes >= 1024);
  const std::string_view texts = map.substr(trie_bytes);
  check(texts.back() == '\0');
  const size_t n = trie_bytes / sizeof(uint32_t);
  std::vector<uint32_t> units(n);
  std::memcpy(units.data(), map.data(), trie_bytes);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t unit = units[i];
    if (unit >> 31) continue;  // a leaf: looked at from its parent
    const size_t offset = (unit >> 10) << ((unit & (1u << 9)) >> 6);
    const size_t child = i ^ offset;
    check((child | 0xff) < n);
    const bool has_leaf = (unit >> 8) & 1;
    if (has_leaf) check((units[child] & 0x7fffffffu) < texts.size());
  }
}

void read_normalizer(std::string_view bytes, std::string_view file, SentencePieceModel& model) {
  Message message(bytes, file);
  while (message.next()) {
    if (message.field() == kCharsMap) check_chars_map(message.bytes(), message);
    if (message.field() == kDummyPrefix) model.add_dummy_prefix = message.integer() != 0;
    if (message.field() == kExtraWhitespaces) {
      model.remove_extra_whitespaces = message.integer() != 0;
    }
  }
}

void check_model(const SentencePieceModel& model, const Message& message) {
  using Type = SentencePieceModel::PieceType;
  if (model.pieces.empty()) message.fail("it has no pieces");
  size_t n_unknown = 0, n_bytes = 0;
  std::unordered_set<std::string_view> seen;
  for (const auto& piece : model.pieces) {
    n_unknown += piece.type == Type::kUnknown;
    n_bytes += piece.type == Type::kByte;
    if (!seen.insert(piece.text).second) {
      message.fail("piece \"" + printable(piece.text) + "\" stands in it twice");
    }
  }
  if (n_unknown != 1) {
    message.fail("it has " + std::to_string(n_unknown) + " unknown pieces, expected one");
  }
  if (model.byte_fallback && n_bytes != 256) {
    message.fail("it has " + std::to_string(n_bytes) + " byte pieces, expected 256");
  }
}

// Writers of the same wire format.
std::string varint_of(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string key_of(uint64_t field, WireType wire) {
  return varint_of(field << 3 | static_cast<uint64_t>(wire));
}
std::string number_field(uint64_t field, uint64_t value) {
  return key_of(field, kVarint) + varint_of(value);
}
std::string bytes_field(uint64_t field, std::string_view bytes) {
  return key_of(field, kLength) + varint_of(bytes.size()).append(bytes);
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes, std::string_view file) {
  SentencePieceModel model;
  Message message(bytes, file);
  while (message.next()) {
    if (message.field() == kPieces) {
      if (model.pieces.size() == kMostPieces) message.fail("it has too many pieces");
      model.pieces.push_back(read_piece(message.bytes(), model.pieces.size(), file));
    }
    if (message.field() == kTrainer) read_trainer(message.bytes(), file, model);
    if (message.field() == kNormalizer) read_normalizer(message.bytes(), file, model);
  }
  check_model(model, message);
  return model;
}

std::string serialize_sentencepiece_model(const SentencePieceModel& model) {
  std::string out;
  int unk_id = 0;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const auto& piece = model.pieces[id];
    if (piece.type == SentencePieceModel::PieceType::kUnknown) unk_id = static_cast<int>(id);
    std::string score(sizeof(float), '\0');
    std::memcpy(score.data(), &piece.score, sizeof(float));
    out += bytes_field(kPieces, bytes_field(kText, piece.text) + key_of(kScore, kFixed32) + score +
                                    number_field(kType, static_cast<uint64_t>(piece.type)));
  }
  out +=
      bytes_field(kTrainer, number_field(kModelType, static_cast<uint64_t>(model.kind)) +
                                number_field(kByteFallback, model.byte_fallback) +
                                number_field(kUnkId, static_cast<uint64_t>(unk_id)) +
                                number_field(kBosId, static_cast<uint64_t>(int64_t{model.bos_id})) +
                                number_field(kEosId, static_cast<uint64_t>(int64_t{model.eos_id})));
  out +=
      bytes_field(kNormalizer, number_field(kDummyPrefix, model.add_dummy_prefix) +
                                   number_field(kExtraWhitespaces, model.remove_extra_whitespaces));
  return out;
}

}  // namespace heng::text
