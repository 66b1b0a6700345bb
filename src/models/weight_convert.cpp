#include "models/weight_convert.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <vector>

#include "formats/block_parts.h"
#include "heng/error.h"

namespace heng::models {
namespace {

// Rows that are made a few at a time: sources that read columns of packed words do a band at once.
constexpr uint64_t kRowBand = 16;

bool all_finite(std::span<const float> values) {
  return std::isfinite(formats::largest_magnitude(values.data(), values.size()));
}

// What would leave no trace in the new type: a grid laid over infinity, or a number that fp16 has
// no room for.
void check_values(const WeightSource& source, std::span<const float> row,
                  const formats::WeightFormat& to) {
  constexpr float kLargestHalf = 65504.0f;
  if (to.expand_block != nullptr && !all_finite(row)) fail_not_finite(source.name);
  if (to.dtype != DType::kF16) return;
  if (formats::largest_magnitude(row.data(), row.size()) <= kLargestHalf) return;
  throw Error(ErrorCode::kUnsupported, source.name +
                                           ": holds a value beyond 65,504, the largest of fp16. "
                                           "Use bf16 or fp32.");
}

void convert_part(const WeightSource& source, uint64_t begin, uint64_t end,
                  const formats::WeightFormat& to, std::byte* out) {
  const uint64_t source_row = source.row_bytes();
  const uint64_t out_row = source.cols / to.block_length * to.block_bytes;
  const bool as_is = &to == source.format;
  std::vector<float> row(source.cols);
  std::vector<std::byte> band(source.data ? 0 : kRowBand * source_row);
  for (uint64_t first = begin; first < end; first += kRowBand) {
    const uint64_t n = std::min(kRowBand, end - first);
    std::byte* at = out + (first - begin) * out_row;
    const std::byte* rows = source.data ? source.data + first * source_row : band.data();
    if (!source.data) source.read_rows(first, n, as_is ? at : band.data());
    if (as_is && source.data) std::copy_n(rows, n * source_row, at);
    if (as_is) continue;
    for (uint64_t r = 0; r < n; ++r) {
      decode_row(source, rows + r * source_row, row.data());
      check_values(source, row, to);
      to.encode_row(row.data(), at + r * out_row, source.cols);
    }
  }
}

}  // namespace

DType type_for(DType wanted, Part part, uint64_t cols) {
  const bool is_table = part == Part::kEmbedding || part == Part::kHead;
  const bool four_bits = wanted == DType::kQ4_0 || wanted == DType::kQ4_K;
  if (four_bits && is_table) wanted = DType::kQ8_0;
  if (cols % dtype_size(wanted).block_length == 0) return wanted;
  return cols % dtype_size(DType::kQ8_0).block_length == 0 ? DType::kQ8_0 : DType::kF16;
}

void convert_rows(const WeightSource& source, uint64_t first, uint64_t n,
                  const formats::WeightFormat& to, std::byte* out, ThreadPool& pool) {
  const uint64_t out_row = source.cols / to.block_length * to.block_bytes;
  // What a thread throws (a damaged packed tensor, no memory) goes on from here.
  std::exception_ptr failure;
  std::mutex failure_lock;
  pool.for_range(n, kRowBand, [&](size_t begin, size_t end) {
    try {
      convert_part(source, first + begin, first + end, to, out + begin * out_row);
    } catch (...) {
      const std::lock_guard lock(failure_lock);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace heng::models
