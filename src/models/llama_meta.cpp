// LLaMA and LLaMA-2 as Meta published them: params.json and the tensors' own names. Source:
// facebookresearch/llama, llama/model.py (ModelArgs, FeedForward, apply_rotary_emb).
#include <algorithm>
#include <array>
#include <cmath>

#include "base/message.h"
#include "heng/error.h"
#include "models/architecture.h"

namespace heng::models {
namespace {

constexpr int64_t kMostSize = 1 << 24;

// params.json does not say how long the training's texts were. LLaMA-2 had 4096 tokens; the first
// LLaMA had 2048, but nothing in its files tells the two apart.
constexpr size_t kLlama2Context = 4096;

// Settings that this file reads, and two that only size upstream's buffers.
constexpr std::array<std::string_view, 11> kKnown{
    "dim",      "n_layers",           "n_heads",        "n_kv_heads",  "vocab_size", "multiple_of",
    "norm_eps", "ffn_dim_multiplier", "max_batch_size", "max_seq_len", "rope_theta"};

// The wider layer: two thirds of 4 * dim, times the multiplier, rounded up.
size_t ffn_width(const JsonObject& c, size_t dim) {
  double width = std::trunc(2.0 * 4.0 * static_cast<double>(dim) / 3.0);
  const double multiplier = c.number_or("ffn_dim_multiplier", 1);
  if (multiplier <= 0 || multiplier > 64) c.fail("ffn_dim_multiplier", "expected 0 to 64");
  width = std::trunc(multiplier * width);
  const double step = static_cast<double>(c.integer_or("multiple_of", 1, kMostSize, 256));
  return static_cast<size_t>(std::ceil(width / step) * step);
}

DecoderSpec read_params(const JsonObject& c) {
  for (const auto& [key, value] : c.raw().items()) {
    if (std::find(kKnown.begin(), kKnown.end(), key) != kKnown.end()) continue;
    if (value.is_null() || value == false) continue;
    throw Error(ErrorCode::kUnsupported,
                c.where(printable(key)) +
                    " is a setting that LLaMA and LLaMA-2 do not have, so what it does is not "
                    "known here. Use the model's Hugging Face copy.");
  }
  const auto size = [&](std::string_view key) {
    return static_cast<size_t>(c.integer(key, 1, kMostSize));
  };
  DecoderSpec s;
  s.hidden = size("dim");
  s.n_layers = size("n_layers");
  s.n_heads = size("n_heads");
  s.n_kv_heads = static_cast<size_t>(
      c.integer_or("n_kv_heads", 1, kMostSize, static_cast<int64_t>(s.n_heads)));
  s.head_dim = s.hidden / s.n_heads;
  if (s.head_dim * s.n_heads != s.hidden) c.fail("n_heads", "expected a divisor of dim");
  s.ffn = ffn_width(c, s.hidden);
  // -1: the tokenizer gives it, upstream; it is the embedding table's number of rows.
  const int64_t vocabulary = c.integer_or("vocab_size", -1, kMostSize, -1);
  if (vocabulary == 0) c.fail("vocab_size", "expected -1 or 1 and more");
  s.vocabulary = vocabulary < 0 ? 0 : static_cast<size_t>(vocabulary);
  s.norm_eps = static_cast<float>(c.number_or("norm_eps", 1e-5));
  s.trained_context = s.max_context = kLlama2Context;
  s.rope.base = static_cast<float>(c.number_or("rope_theta", 10000));
  s.rope.dims = s.head_dim;
  s.rope.style = ops::RopeStyle::kPairs;
  return s;
}

TensorRef tensor(const DecoderSpec&, Part part, size_t layer) {
  const std::string block = "layers." + std::to_string(layer) + ".";
  switch (part) {
    case Part::kEmbedding:
      return {"tok_embeddings.weight"};
    case Part::kFinalNorm:
      return {"norm.weight"};
    case Part::kHead:
      return {"output.weight"};
    case Part::kAttentionNorm:
      return {block + "attention_norm.weight"};
    case Part::kQ:
      return {block + "attention.wq.weight"};
    case Part::kK:
      return {block + "attention.wk.weight"};
    case Part::kV:
      return {block + "attention.wv.weight"};
    case Part::kO:
      return {block + "attention.wo.weight"};
    case Part::kFfnNorm:
      return {block + "ffn_norm.weight"};
    case Part::kGate:
      return {block + "feed_forward.w1.weight"};
    case Part::kUp:
      return {block + "feed_forward.w3.weight"};
    case Part::kDown:
      return {block + "feed_forward.w2.weight"};
    default:
      throw Error(ErrorCode::kInternal, "llama: has no such part.");
  }
}

}  // namespace

extern const Architecture kLlamaMeta;
const Architecture kLlamaMeta{.name = "llama",
                              .hf_classes = {},
                              .gguf_name = "",
                              .read_config = read_params,
                              .tensor = tensor,
                              .folders = checkpoint::Kind::kMeta};

}  // namespace heng::models
