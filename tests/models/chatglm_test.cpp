// What ChatGLM's configurations are read as, and its quantised matrices: which numbers stand in
// which row, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "heng/error.h"
#include "models/weight_source.h"
#include "support/safetensors_builder.h"

namespace heng::models {
namespace {

using checkpoint::Checkpoint;
using test::SafetensorsBuilder;
using test::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;

const Architecture& chatglm() {
  for (const Architecture* a : all_architectures()) {
    if (a->name == "chatglm") return *a;
  }
  throw std::logic_error("no chatglm");
}

// The published config.json of ChatGLM2-6B, as far as it is read.
Json chatglm2() {
  return {{"_name_or_path", "THUDM/chatglm2-6b"},
          {"architectures", {"ChatGLMModel"}},
          {"add_bias_linear", false},
          {"add_qkv_bias", true},
          {"apply_residual_connection_post_layernorm", false},
          {"ffn_hidden_size", 13696},
          {"hidden_size", 4096},
          {"kv_channels", 128},
          {"layernorm_epsilon", 1e-05},
          {"multi_query_attention", true},
          {"multi_query_group_num", 2},
          {"num_attention_heads", 32},
          {"num_layers", 28},
          {"original_rope", true},
          {"padded_vocab_size", 65024},
          {"post_layer_norm", true},
          {"rmsnorm", true},
          {"seq_length", 32768}};
}

DecoderSpec spec_of(const Json& config) {
  return chatglm().read_config(JsonObject(config, "config.json"));
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
    return error.what();
  }
  return "no error";
}

TEST(ChatGlmConfig, IsReadAsPublished) {
  const DecoderSpec s = spec_of(chatglm2());
  EXPECT_EQ(s.n_layers, 28u);
  EXPECT_EQ(s.n_heads, 32u);
  EXPECT_EQ(s.n_kv_heads, 2u);
  EXPECT_EQ(s.head_dim, 128u);
  EXPECT_EQ(s.ffn, 13696u);
  EXPECT_EQ(s.vocabulary, 65024u);
  EXPECT_EQ(s.max_context, 32768u);
  EXPECT_EQ(s.norm_eps, 1e-5f);
  EXPECT_TRUE(s.qkv_bias);
  EXPECT_FALSE(s.tied_head);
  EXPECT_EQ(s.rope.style, ops::RopeStyle::kPairs);
  EXPECT_EQ(s.rope.dims, 64u);
  EXPECT_EQ(s.rope.base, 10000.0f);
  EXPECT_EQ(s.rope.scaling, RopeScaling::kNone);
}

TEST(ChatGlmConfig, RefusesWhatTheBlockDoesNotHave) {
  const auto with = [](const char* key, const Json& value) {
    Json config = chatglm2();
    config[key] = value;
    return error_of([&] { spec_of(config); });
  };
  EXPECT_THAT(with("rmsnorm", false), HasSubstr("config.json: rmsnorm is false"));
  EXPECT_THAT(with("post_layer_norm", false), HasSubstr("config.json: post_layer_norm"));
  EXPECT_THAT(with("add_bias_linear", true), HasSubstr("config.json: add_bias_linear is true"));
  EXPECT_THAT(with("apply_residual_connection_post_layernorm", true), HasSubstr("post_layernorm"));
  EXPECT_THAT(with("multi_query_attention", false), HasSubstr("multi_query_attention is false"));
  EXPECT_THAT(with("multi_query_attention", nullptr), HasSubstr("multi_query_attention is false"));
  EXPECT_THAT(with("pre_seq_len", 128), HasSubstr("config.json: pre_seq_len"));
  EXPECT_THAT(with("seq_length", nullptr), HasSubstr("seq_length"));
  EXPECT_EQ(with("pre_seq_len", nullptr), "no error");
}

TEST(ChatGlmConfig, TellsTheFirstChatGlmApart) {
  const Json first = {{"architectures", {"ChatGLMModel"}}, {"hidden_size", 4096},
                      {"inner_hidden_size", 16384},        {"num_layers", 28},
                      {"position_encoding_2d", true},      {"vocab_size", 130528}};
  EXPECT_THAT(error_of([&] { spec_of(first); }), HasSubstr("first ChatGLM-6B"));
}

// ChatGLM2-6B-32K and ChatGLM3-6B-32K as published.
TEST(ChatGlmConfig, RopeRatioGoesByTheModelsName) {
  const auto with = [](const Json& name, const Json& ratio) {
    Json config = chatglm2();
    config["_name_or_path"] = name;
    config["rope_ratio"] = ratio;
    return config;
  };
  const RopeSpec two = spec_of(with("THUDM/chatglm2-6b-32k", 16)).rope;
  EXPECT_EQ(two.base, 10000.0f);
  EXPECT_EQ(two.scaling, RopeScaling::kLinear);
  EXPECT_EQ(two.factor, 16.0f);
  const RopeSpec three = spec_of(with("/data/ChatGLM3-6B-32K", 50)).rope;
  EXPECT_EQ(three.base, 500000.0f);
  EXPECT_EQ(three.scaling, RopeScaling::kNone);
  for (const Json& name : {Json(nullptr), Json("./tuned"), Json("chatglm2-to-chatglm3")}) {
    EXPECT_EQ(spec_of(with(name, 1)).rope.base, 10000.0f);
    EXPECT_THAT(error_of([&] { spec_of(with(name, 50)); }),
                AllOf(HasSubstr("config.json: rope_ratio"), HasSubstr("_name_or_path")));
  }
  for (const Json& ratio : {Json(0), Json(-4), Json(1e9), Json("4")}) {
    EXPECT_THAT(error_of([&] { spec_of(with("chatglm3", ratio)); }), HasSubstr("rope_ratio"));
  }
}

// A folder with one tensor of 3 rows of 64 numbers: the integer of row r, column c is
// (5 r + 3 c) mod 2^bits, less half of that.
constexpr uint64_t kRows = 3, kCols = 64;
constexpr const char* kName = "transformer.encoder.layers.0.mlp.dense_4h_to_h.weight";
constexpr float kScales[kRows] = {0.5f, -0.01f, 0.0003f};

int integer_at(uint64_t row, uint64_t col, int bits) {
  return static_cast<int>((5 * row + 3 * col) % (1u << bits)) - (1 << (bits - 1));
}

std::string packed_bytes(int bits) {
  std::string out;
  for (uint64_t row = 0; row < kRows; ++row) {
    for (uint64_t col = 0; col < kCols; col += bits == 8 ? 1 : 2) {
      const int q = integer_at(row, col, bits);
      const int byte = bits == 8 ? q : q * 16 | (integer_at(row, col + 1, bits) & 15);
      out += static_cast<char>(byte);
    }
  }
  return out;
}

struct PackedFolder {
  int bits;
  Json config = {{"architectures", {"ChatGLMModel"}}, {"quantization_bit", bits}};
  Shape shape = {kRows, bits == 8 ? kCols : kCols / 2};
  std::vector<float> scales{std::begin(kScales), std::end(kScales)};
  DType scale_type = DType::kF16;
  bool has_scale = true;

  // Row `first_row` on of the matrix, as fp32.
  std::vector<float> read(const TensorRef& ref, uint64_t rows, uint64_t cols = kCols) const {
    const TempDir folder;
    SafetensorsBuilder file;
    file.raw(kName, "I8", shape, packed_bytes(bits).substr(0, shape[0] * shape[1]));
    if (has_scale) file.add(kName + std::string("_scale"), {scales.size()}, scales, scale_type);
    file.write(folder / "model.safetensors");
    test::write_file(folder / "config.json", config.dump());
    const auto checkpoint = Checkpoint::open(folder.path());
    for (const PackedLayout* layout : all_packed_layouts()) {
      if (!layout->suits(*checkpoint)) continue;
      const auto source = layout->find(*checkpoint, ref, rows, cols);
      if (!source) return {};
      std::vector<std::byte> bytes(rows * source->row_bytes());
      source->read_rows(0, rows, bytes.data());
      std::vector<float> out(rows * cols);
      source->format->decode_row(bytes.data(), out.data(), out.size());
      return out;
    }
    return {};
  }
};

TEST(ChatGlmPacked, RowsAreIntegersTimesTheRowsScale) {
  for (const int bits : {4, 8}) {
    const auto got = PackedFolder{bits}.read({kName}, kRows);
    ASSERT_EQ(got.size(), kRows * kCols);
    for (uint64_t row = 0; row < kRows; ++row) {
      const float scale = half_to_float(float_to_half(kScales[row]));
      for (uint64_t col = 0; col < kCols; ++col) {
        EXPECT_EQ(got[row * kCols + col], static_cast<float>(integer_at(row, col, bits)) * scale)
            << bits << " bits, row " << row << ", column " << col;
      }
    }
  }
}

TEST(ChatGlmPacked, PartsOfAFusedTensorHaveTheirOwnScales) {
  for (const int bits : {4, 8}) {
    const auto whole = PackedFolder{bits}.read({kName}, kRows);
    const auto part = PackedFolder{bits}.read({kName, 1, kRows}, 2);
    EXPECT_EQ(part, std::vector<float>(whole.begin() + kCols, whole.end()));
  }
}

TEST(ChatGlmPacked, TensorsThatAreNotIntegersArePlain) {
  PackedFolder folder{8};
  EXPECT_TRUE(folder.read({kName + std::string("_scale")}, kRows).empty());
  EXPECT_TRUE(folder.read({"transformer.output_layer.weight"}, kRows).empty());
  folder.config["quantization_bit"] = 0;
  EXPECT_TRUE(folder.read({kName}, kRows).empty());
}

TEST(ChatGlmPacked, WhatDoesNotFitIsNamed) {
  const auto problem = [](int bits, const std::function<void(PackedFolder&)>& change,
                          uint64_t cols = kCols) {
    PackedFolder folder{bits};
    change(folder);
    return error_of([&] { folder.read({kName}, kRows, cols); });
  };
  EXPECT_THAT(problem(4, [](auto& f) { f.config["quantization_bit"] = 3; }),
              HasSubstr("config.json: quantization_bit is 3, expected 4 or 8"));
  EXPECT_THAT(problem(4, [](auto& f) { f.config["quantization_bit"] = 8; }),
              AllOf(HasSubstr(kName), HasSubstr("[3, 32]"), HasSubstr("[3, 64]")));
  EXPECT_THAT(problem(8, [](auto& f) { f.has_scale = false; }),
              HasSubstr("dense_4h_to_h.weight_scale is missing"));
  EXPECT_THAT(problem(8, [](auto& f) { f.scales.pop_back(); }),
              AllOf(HasSubstr("weight_scale"), HasSubstr("[2]"), HasSubstr("[3]")));
  EXPECT_THAT(problem(8,
                      [](auto& f) {
                        f.shape = {2, 64};
                      }),
              AllOf(HasSubstr(kName), HasSubstr("[2, 64]"), HasSubstr("[3, 64]")));
  EXPECT_THAT(problem(
                  8, [](auto&) {}, 40),
              HasSubstr("multiple of 32"));
  EXPECT_THAT(problem(8, [](auto& f) { f.scales[1] = std::numeric_limits<float>::infinity(); }),
              AllOf(HasSubstr("weight_scale"), HasSubstr("not finite")));
  // fp32 scales are fine as long as fp16 holds them.
  EXPECT_EQ(problem(8,
                    [](auto& f) {
                      f.scale_type = DType::kF32;
                      f.scales = {0.5f, 0.25f, 1.5f};
                    }),
            "no error");
  EXPECT_THAT(problem(8, [](auto& f) { f.scale_type = DType::kF32; }),
              AllOf(HasSubstr("weight_scale"), HasSubstr("fp16")));
}

}  // namespace
}  // namespace heng::models
