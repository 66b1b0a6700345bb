// What stands in a SentencePiece model file (tokenizer.model): pieces, scores and the settings that
// matter here. The library that encodes takes the file's bytes on trust, so everything it would
// follow blindly is checked first. Source: sentencepiece_model.proto of google/sentencepiece. Pure
// functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heng::text {

struct SentencePieceModel {
  // SentencePiece.Type of the .proto; GGUF files use the same numbers.
  enum class PieceType { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };
  struct Piece {
    std::string text;  // UTF-8; spaces are written U+2581
    float score = 0;
    PieceType type = PieceType::kNormal;
  };
  enum class Kind { kUnigram = 1, kBpe = 2 };

  std::vector<Piece> pieces;  // index = id
  Kind kind = Kind::kUnigram;
  bool byte_fallback = false;
  bool add_dummy_prefix = true;  // a space is put in front of every text
  bool remove_extra_whitespaces = true;
  int bos_id = 1, eos_id = 2;  // -1: none
};

// Throws Error kCorrupt, kUnsupported (word and character models) naming `file`, the piece or
// field.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes, std::string_view file);

// The same as a file's bytes, with identity normalisation: for vocabularies that come by another
// way. REQUIRES: exactly one piece of kUnknown.
std::string serialize_sentencepiece_model(const SentencePieceModel& model);

}  // namespace heng::text
