// Runs every malformed file through its reader: success where the damage may not show, else one
// line of Error with the file's name; memory in proportion to the file, never to what it claims.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>
#include <set>

#include "checkpoint/parse.h"
#include "checkpoint/torch_pickle.h"
#include "checkpoint/weight_files.h"
#include "malformed.h"

namespace {

// What operator new has handed out and not got back, and the most that this has been.
size_t g_live_bytes = 0, g_peak_bytes = 0;

}  // namespace

// Not inlined: g++ would see malloc meet delete, and warn.
[[gnu::noinline]] void* operator new(size_t bytes) {
  void* memory = std::malloc(bytes);
  if (!memory) throw std::bad_alloc();
  g_live_bytes += ::malloc_usable_size(memory);
  g_peak_bytes = std::max(g_peak_bytes, g_live_bytes);
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory) g_live_bytes -= ::malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  operator delete(memory);
}

namespace heng::test {
namespace {

using checkpoint::ParsedFile;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFile = "broken-00001-of-00002.file";

// Bytes of memory per byte of file, and a fixed part. Measured: 139 for a pickle of tuples in
// tuples, 56 for one of empty lists; all files of under 500 bytes stay below 8 KB.
constexpr size_t kMemoryFactor = 160;
constexpr size_t kMemoryBase = 16 << 10;

bool lies_in(std::span<const std::byte> part, std::span<const std::byte> all) {
  const std::less_equal<const std::byte*> not_after;
  return not_after(all.data(), part.data()) &&
         not_after(part.data() + part.size(), all.data() + all.size());
}

// Every tensor of an accepted file lies in it, or in memory that is as large as it says.
void expect_inside(const ParsedFile& parsed, std::span<const std::byte> file) {
  for (const auto& entry : parsed.tensors) {
    const uint64_t n = byte_count(entry.view.shape, entry.view.dtype, entry.name);
    const bool owned =
        std::any_of(parsed.owned.begin(), parsed.owned.end(),
                    [&](const auto& memory) { return memory.get() == entry.view.data; });
    ASSERT_LE(n, file.size());
    EXPECT_TRUE(owned || lies_in({entry.view.data, n}, file)) << entry.name;
  }
}

void read(const MalformedFile& file) {
  const auto bytes = as_bytes(file.bytes);
  switch (file.reader) {
    case Reader::kSafetensors:
      return expect_inside(checkpoint::parse_safetensors(bytes, kFile), bytes);
    case Reader::kGguf:
      return expect_inside(checkpoint::parse_gguf(bytes, kFile), bytes);
    case Reader::kTorch:
      return expect_inside(checkpoint::parse_torch_file(bytes, kFile), bytes);
    case Reader::kPickle:
      checkpoint::read_torch_pickle(bytes, kFile);
      return;
    case Reader::kIndex:
      checkpoint::parse_index(file.bytes, kFile, ".safetensors");
      return;
    case Reader::kJson:
      parse_json(file.bytes, kFile);
      return;
  }
}

void expect_one_good_line(const MalformedFile& file, const Error& error) {
  const std::string text = error.what();
  EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kUnsupported);
  EXPECT_EQ(text.rfind(kFile, 0), 0u) << "the file's name does not come first: " << text;
  EXPECT_THAT(text, HasSubstr(file.expected_text));
  EXPECT_LT(text.size(), 600u) << text;
  EXPECT_TRUE(text.ends_with(".")) << text;
  EXPECT_TRUE(std::none_of(text.begin(), text.end(),
                           [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
      << "more than one line: " << text;
  if (file.expected_text.starts_with("refuses")) {
    EXPECT_THAT(text, HasSubstr("Nothing was run."));
  }
}

void expect_success_or_error(const MalformedFile& file) {
  SCOPED_TRACE(file.claim);
  const size_t before = g_live_bytes;
  g_peak_bytes = before;
  try {
    read(file);
    EXPECT_TRUE(file.may_open) << "was read without a complaint";
  } catch (const Error& error) {
    const size_t peak = g_peak_bytes - before;
    EXPECT_LE(peak, kMemoryBase + kMemoryFactor * file.bytes.size());
    return expect_one_good_line(file, error);
  }
  EXPECT_LE(g_peak_bytes - before, kMemoryBase + kMemoryFactor * file.bytes.size());
}

void expect_all(const std::vector<MalformedFile>& files) {
  for (const MalformedFile& file : files) {
    expect_success_or_error(file);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(MalformedFiles, SafetensorsEndInSuccessOrError) {
  expect_all(malformed_safetensors());
}
TEST(MalformedFiles, GgufEndsInSuccessOrError) {
  expect_all(malformed_gguf());
}
TEST(MalformedFiles, TorchFilesEndInSuccessOrError) {
  expect_all(malformed_torch());
}
TEST(MalformedFiles, PicklesEndInSuccessOrError) {
  expect_all(malformed_pickles());
}
TEST(MalformedFiles, IndexesAndConfigurationsEndInSuccessOrError) {
  expect_all(malformed_texts());
}

TEST(MalformedFiles, AreMoreThanAThousandDifferentOnesThatMustBeRefused) {
  std::map<Reader, std::set<std::string>> refused, all;
  for (const auto& make : {malformed_safetensors, malformed_gguf, malformed_torch,
                           malformed_pickles, malformed_texts}) {
    for (const MalformedFile& file : make()) {
      all[file.reader].insert(file.bytes);
      if (!file.may_open) refused[file.reader].insert(file.bytes);
    }
  }
  size_t n_refused = 0, n_all = 0;
  for (const auto& [reader, files] : refused) n_refused += files.size();
  for (const auto& [reader, files] : all) n_all += files.size();
  RecordProperty("must_be_refused", static_cast<int>(n_refused));
  RecordProperty("all", static_cast<int>(n_all));
  EXPECT_GE(n_refused, 1000u);
  EXPECT_GE(refused[Reader::kPickle].size(), 100u);
  EXPECT_GE(n_all, 10'000u);
}

// The tests above would pass with a counter that sees nothing.
TEST(MalformedFiles, TheMemoryCounterCounts) {
  const size_t before = g_live_bytes;
  g_peak_bytes = before;
  { const std::vector<char> block(1 << 20); }
  EXPECT_GE(g_peak_bytes - before, size_t{1} << 20);
  EXPECT_LT(g_live_bytes, before + 4096);
}

}  // namespace
}  // namespace heng::test
