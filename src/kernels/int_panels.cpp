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
  return record_length(p) / p.group_length * kPanelRows * (p.has_factors ? 1 : 2);
}
size_t offset_bytes(const IntPanels& p) {
  if (p.offset == PanelOffset::kFixedZero) return 0;
  return p.offset == PanelOffset::kMins ? scale_bytes(p) : kPanelRows;
}
size_t data_bytes(const IntPanels& p) {
  return record_length(p) / kGroup * part_bytes(p);
}

// Units stand in front of the records of 256 k.
constexpr size_t kUnitLength = 256;
size_t units_bytes(const IntPanels& p) {
  if (!p.has_factors) return 0;
  return (p.offset == PanelOffset::kMins ? 2 : 1) * kPanelRows * sizeof(uint16_t);
}

IntPanels layout(const formats::WeightFormat& format, size_t k) {
  IntPanels p{};
  p.k = k;
  p.bits = format.bits <= 4 ? 4 : 8;
  p.full_range = format.bits == 8;
  p.has_factors = format.has_factors;
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

// Of `length` k, whole blocks of the format.
size_t run_bytes(const IntPanels& p, size_t length) {
  return length / record_length(p) * p.record_bytes + length / kUnitLength * units_bytes(p);
}

size_t panel_bytes(const IntPanels& p) {
  return run_bytes(p, p.k);
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

void put_half(uint8_t* at, size_t index, float value) {
  const uint16_t h = float_to_half(value);
  std::memcpy(at + 2 * index, &h, 2);
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

// Scales and offsets of group `g` of a block, number `index` of its record's. Factors come with
// units, written once a block.
void put_group(uint8_t* record, const IntPanels& p, const formats::IntBlock& block, size_t g,
               size_t index) {
  uint8_t *scales = record + data_bytes(p), *offsets = scales + scale_bytes(p);
  if (p.has_factors) {
    scales[index] = static_cast<uint8_t>(block.factor[g]);
    if (p.offset == PanelOffset::kMins) offsets[index] = block.min_factor[g];
    return;
  }
  put_half(scales, index, block.scale[g]);
  if (p.offset == PanelOffset::kMins) put_half(offsets, index, block.min[g]);
  if (p.offset == PanelOffset::kZeros) offsets[index] = block.zero[g];
}

// One expanded block of row `row` into the run of records at `at`. False: a scale is not finite.
bool put_block(uint8_t* at, const IntPanels& p, const formats::WeightFormat& f,
               const formats::IntBlock& block, size_t row) {
  bool finite = true;
  const size_t length = record_length(p), groups = length / f.group_length;
  if (p.has_factors) {
    put_half(at, row, block.unit);
    if (p.offset == PanelOffset::kMins) put_half(at + 2 * kPanelRows, row, block.min_unit);
  }
  uint8_t* record = at + units_bytes(p);
  for (size_t i = 0; i < f.block_length / length; ++i, record += p.record_bytes) {
    for (size_t part = 0; part < length / kGroup; ++part) {
      put_part(record + part * part_bytes(p), p, row, block.q + i * length + part * kGroup);
    }
    for (size_t j = 0; j < groups; ++j) {
      const size_t g = i * groups + j;
      finite = finite && std::isfinite(block.scale[g]) && std::isfinite(block.min[g]);
      put_group(record, p, block, g, j * kPanelRows + row);
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
        uint8_t* run = at + b * run_bytes(panels_, f.block_length);
        finite = put_block(run, panels_, f, block, r) && finite;
      }
    }
  }
  return finite;
}

}  // namespace heng::kernels
