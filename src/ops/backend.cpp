#include "ops/backend.h"

namespace heng::ops {

size_t KvLayout::section_bytes() const {
  const size_t numbers = 2 * head_dim * kKvBlockTokens;
  switch (type) {
    case KvType::kF32:
      return numbers * 4;
    case KvType::kF16:
    case KvType::kBF16:
      return numbers * 2;
    case KvType::kI8:
      return numbers + 2 * kKvBlockTokens * sizeof(float);
  }
  return 0;
}

void Backend::embed(const Matrix& table, std::span<const int32_t> ids, float* out) {
  for (size_t t = 0; t < ids.size(); ++t) {
    table.format->decode_row(table.row(static_cast<size_t>(ids[t])), out + t * table.cols,
                             table.cols);
  }
}

void Backend::for_each(size_t n, const std::function<void(size_t)>& body) {
  for (size_t i = 0; i < n; ++i) body(i);
}

}  // namespace heng::ops
