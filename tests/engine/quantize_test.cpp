// heng::quantize over every architecture of the registry: the file it writes is the same model.
#include "heng/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "checkpoint/checkpoint.h"
#include "heng/engine.h"
#include "support/file_bytes.h"
#include "support/gguf_builder.h"
#include "support/tiny_llama.h"
#include "support/tiny_model.h"
#include "support/tiny_sentencepiece.h"

namespace heng {
namespace {

namespace fs = std::filesystem;
using checkpoint::Checkpoint;
using test::TempDir;
using test::TinyModel;

QuantizeReport write_gguf(const fs::path& model, const fs::path& out, const std::string& type) {
  QuantizeOptions options;
  options.type = type;
  options.threads = 2;
  return quantize(model, out, options);
}

std::vector<float> scores(const fs::path& model, Precision dtype = Precision::kAuto,
                          size_t n_ids = 40, size_t vocabulary = TinyModel::kVocabulary) {
  LoadOptions options;
  options.dtype = dtype;
  options.threads = 2;
  std::vector<TokenId> ids(n_ids);
  for (size_t i = 0; i < n_ids; ++i) ids[i] = static_cast<TokenId>((i * 37 + 5) % vocabulary);
  return Engine(Model::load(model, options)).logits(ids, 3);
}

double worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(double{a[i]} - b[i]));
  }
  return worst;
}

// Root mean square of the differences, as a share of that of the scores.
double mean_difference(const std::vector<float>& expected, const std::vector<float>& found) {
  double errors = 0, squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    errors += (double{expected[i]} - found[i]) * (double{expected[i]} - found[i]);
    squares += double{expected[i]} * expected[i];
  }
  return std::sqrt(errors / squares);
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float x : values) most = std::max(most, std::abs(double{x}));
  return most;
}

void expect_same_tokens(const Tokenizer& a, const Tokenizer& b) {
  for (const char* text :
       {"", "hello", " hello  hello\n\n", "a你好é😀\xff<|im_user|>", "aaaaaaaaaaaa", "<|endoftext|>",
        "<|im_end|>x", "12 34'll", "<s> [PAD500]"}) {
    for (const SpecialText special : {SpecialText::kPlain, SpecialText::kParse}) {
      EXPECT_EQ(a.encode(text, special), b.encode(text, special)) << text;
    }
  }
  EXPECT_EQ(a.prefix(), b.prefix());
  EXPECT_EQ(a.eos_id(), b.eos_id());
  for (size_t i = 0; i < a.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    EXPECT_EQ(a.token_bytes(id), b.token_bytes(id)) << i;
    EXPECT_EQ(a.is_special(id), b.is_special(id)) << i;
  }
}

std::vector<const models::Architecture*> with_folders() {
  std::vector<const models::Architecture*> out;
  for (const models::Architecture* a : models::all_architectures()) {
    if (a->read_config && !a->hf_classes.empty()) out.push_back(a);
  }
  return out;
}

class QuantizeContract : public ::testing::TestWithParam<const models::Architecture*> {
 protected:
  QuantizeContract() { TinyModel(*GetParam()).write(folder_.path()); }
  fs::path gguf() const { return out_ / "model.gguf"; }

  TempDir folder_, out_;
};

// Past the trained length too, where dynamic NTK and LogN come in. Where the rows of q and k are
// turned to pairs, sums run in another order.
TEST_P(QuantizeContract, AnF32FileIsTheSameModel) {
  write_gguf(folder_.path(), gguf(), "f32");
  for (const size_t n_ids : {size_t{40}, size_t{100}}) {
    if (n_ids > Model::inspect(folder_.path()).max_context) continue;
    const auto expected = scores(folder_.path(), Precision::kAuto, n_ids);
    EXPECT_GT(largest(expected), 0.1);
    EXPECT_LT(worst_difference(expected, scores(gguf(), Precision::kAuto, n_ids)),
              3e-5 * std::max(largest(expected), 1.0))
        << n_ids;
  }
}

TEST_P(QuantizeContract, A16BitFileIsTheFolderInThatPrecision) {
  for (const auto& [type, dtype] :
       {std::pair{"f16", Precision::kFp16}, std::pair{"bf16", Precision::kBf16}}) {
    const fs::path out = out_ / (std::string(type) + ".gguf");
    write_gguf(folder_.path(), out, type);
    EXPECT_LT(worst_difference(scores(folder_.path(), dtype), scores(out)), 0.1) << type;
    // The same weights without rounded activations and cache.
    EXPECT_LT(worst_difference(scores(folder_.path()), scores(out, Precision::kFp32)), 0.5) << type;
  }
}

TEST_P(QuantizeContract, TheTypesOfDtypeAreTheWeightsOfTheFile) {
  for (const auto& [type, dtype] :
       {std::pair{"q8_0", Precision::kInt8}, std::pair{"q4_0", Precision::kInt4}}) {
    const fs::path out = out_ / (std::string(type) + ".gguf");
    write_gguf(folder_.path(), out, type);
    const auto expected = scores(folder_.path(), dtype);
    // An fp16 cache and 15-bit activations round elsewhere where rows are turned.
    EXPECT_LT(worst_difference(expected, scores(out)), 0.01 * largest(expected)) << type;
  }
}

TEST_P(QuantizeContract, EightBitsAreNearAndFourAreFurther) {
  const auto expected = scores(folder_.path());
  const double eight = mean_difference(expected, scores(folder_.path(), Precision::kInt8));
  const double four = mean_difference(expected, scores(folder_.path(), Precision::kInt4));
  // Random models of 32 dimensions magnify errors: 0.06 and 0.6 were seen.
  EXPECT_GT(eight, 1e-4);
  EXPECT_LT(eight, 0.15);
  EXPECT_GT(four, 3 * eight);
  EXPECT_LT(four, 1.2);
}

TEST_P(QuantizeContract, TheTokenizerIsTheSame) {
  write_gguf(folder_.path(), gguf(), "q8_0");
  expect_same_tokens(*Tokenizer::load(folder_.path()), *Tokenizer::load(gguf()));
}

TEST_P(QuantizeContract, SaysWhatItIsInTheKeysOfLlamaCpp) {
  write_gguf(folder_.path(), gguf(), "q4_0");
  const auto file = Checkpoint::open(gguf());
  const JsonObject meta(file->config(), "model.gguf");
  const std::string name = meta.string("general.architecture");
  EXPECT_EQ(name, GetParam()->gguf_name);
  EXPECT_EQ(meta.integer("general.file_type", 0, 99), 2);
  EXPECT_EQ(meta.integer(name + ".block_count", 0, 99), int64_t{TinyModel::kLayers});
  EXPECT_EQ(meta.integer(name + ".embedding_length", 0, 99), 32);
  EXPECT_EQ(meta.strings_or_empty("tokenizer.ggml.tokens").size(), TinyModel::kVocabulary);
  const auto* head = file->find("output.weight");
  ASSERT_NE(head, nullptr);
  EXPECT_EQ(head->view.dtype, DType::kQ8_0);
  EXPECT_EQ(file->find("token_embd.weight")->view.dtype, DType::kQ8_0);
  EXPECT_EQ(file->find("blk.1.attn_output.weight")->view.dtype, DType::kQ4_0);
  EXPECT_EQ(file->find("blk.1.attn_norm.weight")->view.dtype, DType::kF32);
}

// Rows of 32 weights do not divide into blocks of 256.
TEST_P(QuantizeContract, RowsThatDoNotDivideBecomeQ8AndAreNoted) {
  const QuantizeReport report = write_gguf(folder_.path(), gguf(), "q4_k");
  EXPECT_EQ(Checkpoint::open(gguf())->find("blk.0.attn_output.weight")->view.dtype, DType::kQ8_0);
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes[0].find("blocks of 256"), std::string::npos);
  EXPECT_EQ(report.file_bytes, fs::file_size(gguf()));
}

// The copy keeps every key and number; only what was asked for changes.
TEST_P(QuantizeContract, AGgufFileIsTakenToo) {
  write_gguf(folder_.path(), gguf(), "f32");
  const fs::path second = out_ / "second.gguf", third = out_ / "third.gguf";
  write_gguf(gguf(), second, "f32");
  EXPECT_EQ(test::read_file(gguf()), test::read_file(second));
  write_gguf(folder_.path(), out_ / "q8.gguf", "q8_0");
  write_gguf(gguf(), third, "q8_0");
  EXPECT_EQ(test::read_file(out_ / "q8.gguf"), test::read_file(third));
}

std::string architecture_name(const ::testing::TestParamInfo<const models::Architecture*>& info) {
  return std::string(info.param->name);
}
INSTANTIATE_TEST_SUITE_P(All, QuantizeContract, ::testing::ValuesIn(with_folders()),
                         architecture_name);

TEST(Quantize, MetasFoldersBecomeTheSameFileAsHuggingFaces) {
  test::TinyLlama llama;
  llama.ffn = 192;
  llama.config = {{"rms_norm_eps", 1e-5}, {"max_position_embeddings", 4096}};
  llama.make();
  const TempDir hf, meta, out;
  llama.write_hf(hf.path());
  llama.write_meta(meta.path(), 2);
  write_gguf(hf.path(), out / "hf.gguf", "f16");
  write_gguf(meta.path(), out / "meta.gguf", "f16");
  const auto a = Checkpoint::open(out / "hf.gguf"), b = Checkpoint::open(out / "meta.gguf");
  ASSERT_EQ(a->tensors().size(), b->tensors().size());
  for (const auto& entry : a->tensors()) {
    const auto* other = b->find(entry.name);
    ASSERT_NE(other, nullptr) << entry.name;
    const size_t n = byte_count(entry.view.shape, entry.view.dtype, entry.name);
    EXPECT_EQ(std::memcmp(entry.view.data, other->view.data, n), 0) << entry.name;
  }
}

TEST(Quantize, KeepsEveryKindOfRopeScaling) {
  const Json kinds[] = {
      {{"type", "linear"}, {"factor", 2.0}},
      {{"type", "dynamic"}, {"factor", 2.0}},
      {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}},
      {{"rope_type", "yarn"},
       {"factor", 4.0},
       {"original_max_position_embeddings", 32},
       {"attention_factor", 1.5},
       {"beta_fast", 16}},
      {{"rope_type", "llama3"},
       {"factor", 8.0},
       {"low_freq_factor", 1.0},
       {"high_freq_factor", 4.0},
       {"original_max_position_embeddings", 32}}};
  for (const Json& kind : kinds) {
    test::TinyLlama llama;
    llama.config = {{"max_position_embeddings", 64}, {"rope_scaling", kind}};
    const TempDir folder, out;
    llama.make().write_hf(folder.path());
    write_gguf(folder.path(), out / "m.gguf", "f32");
    for (const size_t n : {size_t{20}, size_t{64}, size_t{90}}) {
      const auto longest = Model::inspect(folder.path()).max_context;
      if (n > longest) continue;
      const auto expected = scores(folder.path(), Precision::kAuto, n, llama.vocabulary);
      const auto found = scores(out / "m.gguf", Precision::kAuto, n, llama.vocabulary);
      EXPECT_LT(worst_difference(expected, found), 1e-4 * largest(expected)) << kind << " " << n;
    }
    EXPECT_EQ(Model::inspect(out / "m.gguf").max_context, Model::inspect(folder.path()).max_context)
        << kind;
  }
}

TEST(Quantize, CarriesASentencePieceVocabularyAndTheChatTemplate) {
  test::TinyLlama llama;
  llama.vocabulary = 300;
  const TempDir folder, out;
  llama.make().write_hf(folder.path());
  const auto model = test::tiny_sentencepiece();
  test::write_file(folder / "tokenizer.model", text::serialize_sentencepiece_model(model));
  test::write_file(folder / "added_tokens.json", Json{{"<extra>", model.pieces.size()}}.dump());
  test::write_file(folder / "tokenizer_config.json",
                   R"({"chat_template": "{{ messages }}", "add_bos_token": true})");
  write_gguf(folder.path(), out / "m.gguf", "q8_0");
  const auto file = Checkpoint::open(out / "m.gguf");
  const JsonObject meta(file->config(), "m.gguf");
  EXPECT_EQ(meta.string("tokenizer.ggml.model"), "llama");
  EXPECT_EQ(meta.string("tokenizer.chat_template"), "{{ messages }}");
  EXPECT_EQ(meta.integer("tokenizer.ggml.bos_token_id", 0, 9), 1);
  EXPECT_TRUE(meta.boolean_or("tokenizer.ggml.add_bos_token", false));
  const auto tokens = meta.strings_or_empty("tokenizer.ggml.tokens");
  const auto types = meta.integers_or_empty("tokenizer.ggml.token_type");
  ASSERT_EQ(tokens.size(), 300u);
  EXPECT_EQ(tokens[model.pieces.size()], "<extra>");
  EXPECT_EQ(types[model.pieces.size()], 3);
  EXPECT_EQ(tokens[299], "[PAD299]");
  EXPECT_EQ(types[299], 5);
}

// Hugging Face's vocabularies of tests/text/data, which are small ones of the real kinds.
TEST(Quantize, CarriesHuggingFacesVocabularies) {
  for (const auto& [kind, pre] : {std::pair{"qwen2", "qwen2"},
                                  {"qwen2_files", "qwen2"},
                                  {"llama3", "llama-bpe"},
                                  {"smollm2", "smollm"}}) {
    const TempDir folder, out;
    fs::copy(fs::path(HENG_SOURCE_DIR) / "tests/text/data" / kind, folder.path(),
             fs::copy_options::recursive);
    const auto before = Tokenizer::load(folder.path());
    test::TinyLlama llama;
    llama.vocabulary = before->size() + 7;
    llama.make().write_hf(folder.path());
    const auto report = write_gguf(folder.path(), out / "m.gguf", "q8_0");
    EXPECT_TRUE(report.notes.empty()) << kind << ": " << report.notes[0];
    const auto file = Checkpoint::open(out / "m.gguf");
    EXPECT_EQ(JsonObject(file->config(), "m.gguf").string("tokenizer.ggml.pre"), pre);
    expect_same_tokens(*before, *Tokenizer::load(out / "m.gguf"));
  }
}

TEST(Quantize, AVocabularyThatGgufHasNoFormForIsNoted) {
  for (const char* kind : {"llama2", "gpt2_prefix"}) {
    const TempDir folder, out;
    fs::copy(fs::path(HENG_SOURCE_DIR) / "tests/text/data" / kind, folder.path(),
             fs::copy_options::recursive);
    test::TinyLlama llama;
    llama.vocabulary = Tokenizer::load(folder.path())->size();
    llama.make().write_hf(folder.path());
    const auto report = write_gguf(folder.path(), out / "m.gguf", "q8_0");
    ASSERT_EQ(report.notes.size(), 1u) << kind;
    EXPECT_NE(report.notes[0].find("no tokenizer"), std::string::npos) << kind;
  }
}

TEST(Quantize, AModelWithoutATokenizerRunsOnIdsAndIsNoted) {
  const TempDir folder, out;
  test::TinyLlama().make().write_hf(folder.path());
  const auto report = write_gguf(folder.path(), out / "m.gguf", "f32");
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("no tokenizer"), std::string::npos);
  EXPECT_FALSE(scores(out / "m.gguf", Precision::kAuto, 8, 32).empty());
}

std::string problem_of(const fs::path& model, const fs::path& out, const std::string& type) {
  try {
    write_gguf(model, out, type);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Quantize, RefusesWhatItCannotWriteBeforeAnythingIsWritten) {
  test::TinyLlama llama;
  const TempDir folder, out;
  llama.make().write_hf(folder.path());
  test::write_file(out / "there.gguf", "precious");
  EXPECT_NE(problem_of(folder.path(), out / "there.gguf", "f16").find("exists already"),
            std::string::npos);
  EXPECT_EQ(test::read_file(out / "there.gguf"), "precious");
  EXPECT_NE(problem_of(folder.path(), out / "m.bin", "f16").find(".gguf"), std::string::npos);
  EXPECT_NE(problem_of(folder.path(), out / "m.gguf", "q9").find("q8_0"), std::string::npos);
  EXPECT_NE(problem_of(out / "none", out / "m.gguf", "f16").find("no such file"),
            std::string::npos);
  EXPECT_NE(problem_of(folder.path(), out / "no" / "m.gguf", "f16").find("cannot be written"),
            std::string::npos);
}

TEST(Quantize, DamagedWeightsAreNamedAndLeaveNoFile) {
  test::TinyLlama llama;
  llama.make();
  llama.tensors[4].values[7] = std::numeric_limits<float>::infinity();
  const TempDir folder, out;
  llama.write_hf(folder.path());
  const std::string problem = problem_of(folder.path(), out / "m.gguf", "q8_0");
  EXPECT_NE(problem.find(llama.tensors[4].name), std::string::npos) << problem;
  EXPECT_TRUE(fs::is_empty(out.path()));
}

TEST(Quantize, StopsWhenAskedTo) {
  const TempDir folder, out;
  test::TinyLlama().make().write_hf(folder.path());
  QuantizeOptions options;
  uint64_t all = 0;
  options.on_progress = [&](uint64_t done, uint64_t total) {
    all = total;
    return done < total / 2;
  };
  try {
    quantize(folder.path(), out / "m.gguf", options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCancelled);
  }
  EXPECT_GT(all, 0u);
  EXPECT_TRUE(fs::is_empty(out.path()));
}

}  // namespace
}  // namespace heng
