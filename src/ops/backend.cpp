#include "ops/backend.h"

namespace heng::ops {

size_t kv_element_bytes(KvType type) { return type == KvType::kF32 ? 4 : 2; }

void Backend::embed(const Matrix& table, std::span<const int32_t> ids, float* out) {
  for (size_t t = 0; t < ids.size(); ++t) {
    table.format->decode_row(table.row(static_cast<size_t>(ids[t])), out + t * table.cols,
                             table.cols);
  }
}

}  // namespace heng::ops
