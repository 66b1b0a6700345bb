#include "models/model_parts.h"

namespace heng::models {

std::vector<PartShape> matrix_parts(const DecoderSpec& s) {
  const uint64_t q = s.n_heads * s.head_dim, kv = s.n_kv_heads * s.head_dim;
  std::vector<PartShape> all = {{Part::kEmbedding, 0, s.vocabulary, s.hidden}};
  for (size_t i = 0; i < s.n_layers; ++i) {
    all.push_back({Part::kQ, i, q, s.hidden});
    all.push_back({Part::kK, i, kv, s.hidden});
    all.push_back({Part::kV, i, kv, s.hidden});
    all.push_back({Part::kO, i, s.hidden, q});
    all.push_back({Part::kGate, i, s.ffn, s.hidden});
    all.push_back({Part::kUp, i, s.ffn, s.hidden});
    all.push_back({Part::kDown, i, s.hidden, s.ffn});
  }
  if (!s.tied_head) all.push_back({Part::kHead, 0, s.vocabulary, s.hidden});
  return all;
}

std::vector<PartShape> vector_parts(const DecoderSpec& s) {
  std::vector<PartShape> all;
  for (size_t i = 0; i < s.n_layers; ++i) {
    all.push_back({Part::kAttentionNorm, i, s.hidden, 1});
    if (s.qkv_bias) {
      all.push_back({Part::kQBias, i, s.n_heads * s.head_dim, 1});
      all.push_back({Part::kKBias, i, s.n_kv_heads * s.head_dim, 1});
      all.push_back({Part::kVBias, i, s.n_kv_heads * s.head_dim, 1});
    }
    if (s.qk_norm) {
      all.push_back({Part::kQNorm, i, s.head_dim, 1});
      all.push_back({Part::kKNorm, i, s.head_dim, 1});
    }
    all.push_back({Part::kFfnNorm, i, s.hidden, 1});
  }
  all.push_back({Part::kFinalNorm, 0, s.hidden, 1});
  return all;
}

}  // namespace heng::models
