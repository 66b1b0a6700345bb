#include "kernels/int_panels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/half.h"

namespace heng::kernels {
namespace {

size_t record_length(const IntPanels& p) {
  return std::max<size_t>(kGroup, p.group_length);
}
// Of 32 k of a record, of its scales, of what stands behind them.
size_t part_bytes(const IntPanels& p) {
  return kPanelRows * kGroup * p.bits / 8;
}
size_t scale_bytes(const IntPanels& p) {
  return record_length(p) / p.group_length * kPanelRows * (p.half_scales ? 2 : 4);
}
size_t offset_bytes(const IntPanels& p) {
  if (p.offset == PanelOffset::kFixedZero) return 0;
  return p.offset == PanelOffset::kMins ? scale_bytes(p) : kPanelRows;
}
size_t data_bytes(const IntPanels& p) {
  return record_length(p) / kGroup * part_bytes(p);
}

IntPanels layout(const formats::WeightFormat& format, size_t k) {
  IntPanels p{};
  p.k = k;
  p.bits = format.bits <= 4 ? 4 : 8;
  p.full_range = format.bits == 8;
  p.half_scales = format.half_scales;
  p.offset = format.zero >= 0                     ? PanelOffset::kFixedZero
             : format.zero == formats::kStoredMin ? PanelOffset::kMins
                                                  : PanelOffset::kZeros;
  p.group_length = static_cast<uint8_t>(format.group_length);
  p.zero_shift = format.zero < 0
                     ? 0
                     : static_cast<uint8_t>(std::countr_zero(static_cast<unsigned>(format.zero)));
  p.record_bytes = data_bytes(p) + scale_bytes(p) + offset_bytes(p);
  return p;
}

size_t panel_bytes(const IntPanels& p) {
  return p.k / record_length(p) * p.record_bytes;
}

// 32 q of one row (in the panel): 4 consecutive k in each 64-byte vector.
void put_part(uint8_t* part, const IntPanels& p, size_t row, const uint8_t* q) {
  if (p.bits == 8) {
    for (size_t v = 0; v < 8; ++v) std::memcpy(part + 64 * v + 4 * row, q + 4 * v, 4);
  } else {
    for (size_t v = 0; v < 4; ++v) {
      uint32_t low, high;
      std::memcpy(&low, q + 8 * v, 4);
      std::memcpy(&high, q + 8 * v + 4, 4);
      low |= high << 4;
      std::memcpy(part + 64 * v + 4 * row, &low, 4);
    }
  }
}

void put_scale(uint8_t* at, bool half, size_t index, float value) {
  if (half) {
    const uint16_t h = float_to_half(value);
    std::memcpy(at + 2 * index, &h, 2);
  } else {
    std::memcpy(at + 4 * index, &value, 4);
  }
}

}  // namespace

size_t PackedMatrix::bytes() const {
  return n_panels() * panel_bytes(panels_);
}

bool can_pack(const formats::WeightFormat& format, size_t k) {
  return format.expand_block != nullptr && k % kGroup == 0 && k % format.block_length == 0 && k > 0;
}

size_t packed_bytes(const formats::WeightFormat& format, size_t rows, size_t k) {
  return (rows + kPanelRows - 1) / kPanelRows * panel_bytes(layout(format, k));
}

PackedMatrix::PackedMatrix(const formats::WeightFormat& format, size_t rows, size_t k,
                           std::byte* memory)
    : format_(&format),
      rows_(rows),
      panels_(layout(format, k)),
      memory_(reinterpret_cast<uint8_t*>(memory)) {
  panels_.data = memory_;
}

namespace {

// One expanded block of row `row` into the records from `record` on. False: a scale is not finite.
bool put_block(uint8_t* record, const IntPanels& p, const formats::WeightFormat& f,
               const formats::IntBlock& block, size_t row) {
  bool finite = true;
  const size_t length = record_length(p), groups = length / f.group_length;
  for (size_t i = 0; i < f.block_length / length; ++i, record += p.record_bytes) {
    for (size_t part = 0; part < length / kGroup; ++part) {
      put_part(record + part * part_bytes(p), p, row, block.q + i * length + part * kGroup);
    }
    uint8_t *scales = record + data_bytes(p), *offsets = scales + scale_bytes(p);
    for (size_t j = 0; j < groups; ++j) {
      const size_t g = i * groups + j, index = j * kPanelRows + row;
      finite = finite && std::isfinite(block.scale[g]) && std::isfinite(block.min[g]);
      put_scale(scales, f.half_scales, index, block.scale[g]);
      if (p.offset == PanelOffset::kMins) put_scale(offsets, f.half_scales, index, block.min[g]);
      if (p.offset == PanelOffset::kZeros) offsets[index] = block.zero[g];
    }
  }
  return finite;
}

}  // namespace

bool PackedMatrix::pack(const std::byte* rows, size_t begin, size_t end) {
  const formats::WeightFormat& f = *format_;
  const size_t blocks = panels_.k / f.block_length, row_bytes = blocks * f.block_bytes;
  bool finite = true;
  formats::IntBlock block;
  for (size_t panel = begin; panel < end; ++panel) {
    uint8_t* at = memory_ + panel * panel_bytes(panels_);
    for (size_t r = 0; r < kPanelRows && panel * kPanelRows + r < rows_; ++r) {
      const std::byte* row = rows + ((panel - begin) * kPanelRows + r) * row_bytes;
      for (size_t b = 0; b < blocks; ++b) {
        f.expand_block(row + b * f.block_bytes, block);
        uint8_t* record = at + b * (f.block_length / record_length(panels_)) * panels_.record_bytes;
        finite = put_block(record, panels_, f, block, r) && finite;
      }
    }
  }
  return finite;
}

}  // namespace heng::kernels
