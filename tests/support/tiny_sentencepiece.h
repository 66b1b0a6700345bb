// A SentencePiece vocabulary small enough to write into a test: three control pieces, the bytes,
// and a few pieces that merge.
#pragma once

#include <string>

#include "text/sentencepiece_model.h"

namespace heng::test {

inline text::SentencePieceModel tiny_sentencepiece() {
  using Type = text::SentencePieceModel::PieceType;
  text::SentencePieceModel model;
  model.kind = text::SentencePieceModel::Kind::kBpe;
  model.byte_fallback = true;
  model.remove_extra_whitespaces = false;
  model.pieces = {
      {"<unk>", 0, Type::kUnknown}, {"<s>", 0, Type::kControl}, {"</s>", 0, Type::kControl}};
  for (int b = 0; b < 256; ++b) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    model.pieces.push_back(
        {std::string("<0x") + kDigits[b / 16] + kDigits[b % 16] + ">", 0, Type::kByte});
  }
  float score = 0;
  for (const char* piece : {"he", "ll", "llo", "hello", "\u2581hello", "\u2581\u2581", "你好", "h",
                            "e", "l", "o", "\u2581", "你", "好", "!"}) {
    model.pieces.push_back({piece, score--, Type::kNormal});
  }
  return model;
}

}  // namespace heng::test
