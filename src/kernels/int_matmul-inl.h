// Products with packed integer panels (kernel_table.h draws them) and integer activations: 16 rows
// in 16 lanes, tokens in registers. Inside a group sums are integers and exact (of 15-bit
// activations the high halves' sum, times 128, plus the low halves'); across groups each lane runs
//     acc = fma(float(sum) * x_scale, w_scale, acc)  [ acc = fma(w_min, x_scale * x_sum, acc) ]
// (w_min = -(w_zero * w_scale), exact, where each group stores its zero)
// in group order, in every tile shape, so an element's bits depend on its own row and token alone.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/plain_matmul-inl.h"
#include "kernels/vec.h"

namespace heng::HENG_ISA {
namespace {

using kernels::ActivationBits;
using kernels::IntActivations;
using kernels::IntPanels;
using kernels::kGroup;
using kernels::kPanelRows;
using kernels::kTokenTile;
using kernels::PanelOffset;

// As kPlainBlockBytes: activations walked once a panel stay in the L2 cache.
constexpr size_t kIntBlockBytes = 512 * 1024;

enum class Width { k4, k8, k8Full };  // 4 bits; 8 bits with q <= 127; 8 bits

// kPasses: 1 for 8-bit activations, 2 for 15-bit ones (high, then low).
template <size_t kPasses, Width kWidth, bool kFactors, PanelOffset kOffset, size_t kLength>
struct PanelKind {
  static constexpr size_t passes = kPasses, token_bytes = kPasses * kGroup;  // of a group
  static constexpr Width width = kWidth;
  static constexpr bool factors = kFactors;
  static constexpr PanelOffset offset = kOffset;
  static constexpr bool fixed_zero = kOffset == PanelOffset::kFixedZero;
  static constexpr size_t length = kLength;  // weights per scale: 16, 32 or 128
  // A record has `parts` groups of activations; each has `scales` scales, or `parts` share one.
  static constexpr size_t parts = kLength > kGroup ? kLength / kGroup : 1;
  static constexpr size_t scales = kLength < kGroup ? kGroup / kLength : 1;
  static constexpr size_t part_bytes = kWidth == Width::k4 ? 256 : 512;
  static constexpr size_t data_bytes = parts * part_bytes;
  static constexpr size_t scale_bytes = kPanelRows * (kFactors ? 1 : 2);
  static constexpr size_t offset_bytes =
      fixed_zero ? 0 : (kOffset == PanelOffset::kMins ? scales * scale_bytes : kPanelRows);
  static constexpr size_t record_bytes = data_bytes + scales * scale_bytes + offset_bytes;
  // Records that share units, and what these take in front of them.
  static constexpr size_t run_records = kFactors ? 8 : 1;
  static constexpr size_t unit_bytes = kFactors ? 2 * kPanelRows : 0;
  static constexpr size_t units_bytes = (kOffset == PanelOffset::kMins ? 2 : 1) * unit_bytes;
  static constexpr size_t run_bytes = units_bytes + run_records * record_bytes;
};

// One panel, and where a run of tokens inside one tile begins.
struct PanelTask {
  const uint8_t* data;
  const int8_t* q;
  const float* x_scale;
  const int32_t* zero_part;  // by group, or by half group for kLength 16
  const float* scaled_sum;
  size_t tile_tokens;  // distance between groups, in tokens
  size_t n_runs;
};

// Scale and minimum of one group of each row; of a run's units where factors are stored.
struct ScaleAndMin {
  Vf scale, min;
};

template <typename Kind>
HENG_INLINE ScaleAndMin load_units(const uint8_t* run) {
  ScaleAndMin units{zero_f(), zero_f()};
  if constexpr (Kind::factors) {
    units.scale = load_f16(run);
    if (Kind::offset == PanelOffset::kMins) units.min = load_f16(run + Kind::unit_bytes);
  }
  return units;
}

template <typename Kind>
HENG_INLINE ScaleAndMin load_scale_and_min(const uint8_t* record, size_t index, ScaleAndMin units) {
  const uint8_t* scales = record + Kind::data_bytes + index * Kind::scale_bytes;
  const uint8_t* offsets = scales + Kind::scales * Kind::scale_bytes;
  ScaleAndMin s{zero_f(), zero_f()};
  if constexpr (Kind::factors) {
    s.scale = mul(units.scale, load_i8(scales));
    if (Kind::offset == PanelOffset::kMins) {
      s.min = sub(zero_f(), mul(units.min, load_u8(offsets)));
    }
  } else {
    s.scale = load_f16(scales);
    if (Kind::offset == PanelOffset::kMins) s.min = load_f16(offsets);
    if (Kind::offset == PanelOffset::kZeros) s.min = sub(zero_f(), mul(load_u8(offsets), s.scale));
  }
  return s;
}

HENG_INLINE Vi broadcast_4_bytes(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return set1_i(four);
}

// Adds the products of 4 consecutive k (one weight vector) to every token's sum.
template <typename Kind, size_t T>
HENG_INLINE void dot_step(Vi (&sums)[T], Vi w, const int8_t* q) {
  for (size_t t = 0; t < T; ++t) {
    const Vi x = broadcast_4_bytes(q + t * Kind::token_bytes);
    sums[t] = Kind::width == Width::k8Full ? dot4_full(sums[t], w, x) : dot4(sums[t], w, x);
  }
}

// Products of vectors [begin, end) of a group; k of vector v (8-bit) or of half-vector v (4-bit) is
// 4v.
template <typename Kind, size_t T>
HENG_INLINE void dot_vectors(Vi (&sums)[T], const uint8_t* w, const int8_t* q, size_t begin,
                             size_t end) {
  if constexpr (Kind::width == Width::k4) {
    for (size_t v = begin / 2; v < end / 2; ++v) {
      const Vi both = load_i(w + 64 * v);
      dot_step<Kind, T>(sums, low_nibbles(both), q + 8 * v);
      dot_step<Kind, T>(sums, high_nibbles(both), q + 8 * v + 4);
    }
  } else {
    for (size_t v = begin; v < end; ++v) dot_step<Kind, T>(sums, load_i(w + 64 * v), q + 4 * v);
  }
}

// Part of a group: vectors [first, first + n), and what the weights' zero takes off each token.
struct GroupPart {
  size_t first, n;
  const int32_t* zero_part;
};

// sum of (q - zero) * x over the part, exact.
template <typename Kind, size_t T>
HENG_INLINE void group_sums(const uint8_t* w, const int8_t* q, GroupPart part, Vi (&sums)[T]) {
  const size_t end = part.first + part.n;
  if constexpr (Kind::passes == 2) {
    for (Vi& sum : sums) sum = set1_i(0);
    dot_vectors<Kind, T>(sums, w, q, part.first, end);
    for (size_t t = 0; t < T; ++t) {
      sums[t] = times_128(sums[t]);
      if (Kind::fixed_zero) sums[t] = add_i(sums[t], set1_i(part.zero_part[t]));
    }
    dot_vectors<Kind, T>(sums, w, q + kGroup, part.first, end);
  } else {
    for (size_t t = 0; t < T; ++t) sums[t] = set1_i(Kind::fixed_zero ? part.zero_part[t] : 0);
    dot_vectors<Kind, T>(sums, w, q, part.first, end);
  }
}

// A tile that is not full meets each panel once, from memory: every record asks for the one this
// far ahead. Full tiles share a panel; they ask for the next one together (one_panel).
constexpr size_t kPrefetchBytes = 4096;

template <typename Kind, size_t T>
HENG_INLINE void prefetch_record(const uint8_t* w) {
  if constexpr (T < kTokenTile) {
    for (size_t i = 0; i < Kind::record_bytes; i += 64) __builtin_prefetch(w + i + kPrefetchBytes);
  }
}

// Adds what group g of the activations gives with `w`, its part of a record. A scale of 16 weights
// goes with half of the group: scale `half` of the record.
template <typename Kind, size_t T>
HENG_INLINE void add_group(const PanelTask& p, const uint8_t* w, size_t g, size_t half,
                           ScaleAndMin s, Vf (&acc)[T]) {
  constexpr size_t kVectors = 8 / Kind::scales;
  const size_t at = (g * Kind::scales + half) * p.tile_tokens;
  const int8_t* q = p.q + g * p.tile_tokens * Kind::token_bytes;
  const float* x_scale = p.x_scale + g * p.tile_tokens;
  Vi sums[T];
  group_sums<Kind, T>(w, q, {half * kVectors, kVectors, p.zero_part + at}, sums);
  for (size_t t = 0; t < T; ++t) {
    acc[t] = fma(mul(to_float(sums[t]), set1(x_scale[t])), s.scale, acc[t]);
  }
  if constexpr (!Kind::fixed_zero) {
    for (size_t t = 0; t < T; ++t) acc[t] = fma(s.min, set1(p.scaled_sum[at + t]), acc[t]);
  }
}

template <typename Kind, size_t T>
HENG_INLINE void int_tile(const PanelTask& p, Vf (&acc)[T]) {
  for (Vf& a : acc) a = zero_f();
  for (size_t run = 0; run < p.n_runs; ++run) {
    const uint8_t* at = p.data + run * Kind::run_bytes;
    const ScaleAndMin units = load_units<Kind>(at);
    for (size_t r = 0; r < Kind::run_records; ++r) {
      const uint8_t* w = at + Kind::units_bytes + r * Kind::record_bytes;
      const size_t group = (run * Kind::run_records + r) * Kind::parts;
      prefetch_record<Kind, T>(w);
      for (size_t i = 0; i < Kind::scales; ++i) {
        const ScaleAndMin s = load_scale_and_min<Kind>(w, i, units);
        for (size_t part = 0; part < Kind::parts; ++part) {
          add_group<Kind, T>(p, w + part * Kind::part_bytes, group + part, i, s, acc);
        }
      }
    }
  }
}

struct PanelOutput {
  const Output& out;
  size_t row, n_rows;
};

template <typename Kind, size_t T>
void panel_tokens(PanelTask p, const PanelOutput& to, size_t token, size_t in_tile) {
  p.q += in_tile * Kind::token_bytes;
  p.x_scale += in_tile;
  if constexpr (Kind::fixed_zero) p.zero_part += in_tile;
  p.scaled_sum += in_tile;
  Vf acc[T];
  int_tile<Kind, T>(p, acc);
  for (size_t t = 0; t < T; ++t) put_rows(to.out, token + in_tile + t, to.row, to.n_rows, acc[t]);
}

// All tokens of one tile (tile_tokens of them), whole tiles of 12 in one go.
template <typename Kind>
void panel_tile(const PanelTask& p, const PanelOutput& to, size_t token) {
  size_t t = 0;
  for (; t + 12 <= p.tile_tokens; t += 12) panel_tokens<Kind, 12>(p, to, token, t);
  for (; t + 8 <= p.tile_tokens; t += 8) panel_tokens<Kind, 8>(p, to, token, t);
  for (; t + 4 <= p.tile_tokens; t += 4) panel_tokens<Kind, 4>(p, to, token, t);
  for (; t + 2 <= p.tile_tokens; t += 2) panel_tokens<Kind, 2>(p, to, token, t);
  for (; t < p.tile_tokens; ++t) panel_tokens<Kind, 1>(p, to, token, t);
}

struct IntJob {
  const IntPanels& w;
  const IntActivations& x;
  const Output& out;
  size_t rows;
};

// Tokens [begin, end). `ahead`: another panel comes next.
template <typename Kind>
void one_panel(const IntJob& job, size_t panel, size_t begin, size_t end, bool ahead) {
  const IntPanels& w = job.w;
  const IntActivations& x = job.x;
  const bool halves = Kind::length == 16;
  const size_t groups = w.k / kGroup, parts = halves ? 2 * groups : groups;
  const size_t runs = groups / (Kind::parts * Kind::run_records);
  const size_t row = panel * kPanelRows, left = job.rows - row;
  const uint8_t* data = w.data + panel * runs * Kind::run_bytes;
  const PanelOutput to{job.out, row, left < kPanelRows ? left : kPanelRows};
  const size_t panel_bytes = runs * Kind::run_bytes, n_tiles = (end - begin) / kTokenTile;
  const RowTask next{row, data + panel_bytes, ahead ? panel_bytes : 0};
  for (size_t t = begin; t < end; t += kTokenTile) {
    const size_t nt = end - t < kTokenTile ? end - t : kTokenTile;
    if (n_tiles > 1 && nt == kTokenTile) prefetch_part(next, (t - begin) / kTokenTile, n_tiles);
    PanelTask p{};
    p.data = data;
    p.q = x.q + Kind::passes * t * w.k;
    p.x_scale = x.scale + t * groups;
    if constexpr (Kind::fixed_zero) p.zero_part = x.zero_part + t * parts;
    p.scaled_sum = (halves ? x.scaled_half_sum : x.scaled_sum) + t * parts;
    p.tile_tokens = nt;
    p.n_runs = runs;
    panel_tile<Kind>(p, to, t);
  }
}

template <typename Kind>
void panels_of_kind(const IntJob& job, size_t panel_begin, size_t panel_end) {
  size_t block = kIntBlockBytes / (Kind::passes * job.w.k) / kTokenTile * kTokenTile;
  if (block < kTokenTile) block = kTokenTile;
  const size_t n = job.x.n_tokens;
  const size_t n_panels = (job.rows + kPanelRows - 1) / kPanelRows;
  for (size_t t = 0; t < n; t += block) {
    const size_t end = t + block < n ? t + block : n;
    for (size_t panel = panel_begin; panel < panel_end; ++panel) {
      // Behind panel_end too: the caller probably goes on there.
      one_panel<Kind>(job, panel, t, end, panel + 1 < n_panels);
    }
  }
}

// The kinds that the formats need: see int_panels.cpp.
template <size_t kPasses>
void int_panels(const IntJob& job, size_t begin, size_t end) {
  const IntPanels& w = job.w;
  const bool four = w.bits == 4, min = w.offset == PanelOffset::kMins,
             short_group = w.group_length == 16, long_group = w.group_length == 128;
  using enum Width;
  using enum PanelOffset;
  if (w.has_factors) {
    if (four && min && short_group)
      return panels_of_kind<PanelKind<kPasses, k4, true, kMins, 16>>(job, begin, end);
    if (four && min)
      return panels_of_kind<PanelKind<kPasses, k4, true, kMins, 32>>(job, begin, end);
    if (four) return panels_of_kind<PanelKind<kPasses, k4, true, kFixedZero, 16>>(job, begin, end);
    if (min) return panels_of_kind<PanelKind<kPasses, k8, true, kMins, 32>>(job, begin, end);
    return panels_of_kind<PanelKind<kPasses, k8, true, kFixedZero, 16>>(job, begin, end);
  }
  if (w.offset == kZeros) {
    if (four && long_group)
      return panels_of_kind<PanelKind<kPasses, k4, false, kZeros, 128>>(job, begin, end);
    if (four) return panels_of_kind<PanelKind<kPasses, k4, false, kZeros, 32>>(job, begin, end);
    if (long_group)
      return panels_of_kind<PanelKind<kPasses, k8Full, false, kZeros, 128>>(job, begin, end);
    return panels_of_kind<PanelKind<kPasses, k8Full, false, kZeros, 32>>(job, begin, end);
  }
  if (four && min) return panels_of_kind<PanelKind<kPasses, k4, false, kMins, 32>>(job, begin, end);
  if (four) return panels_of_kind<PanelKind<kPasses, k4, false, kFixedZero, 32>>(job, begin, end);
  if (w.full_range)
    return panels_of_kind<PanelKind<kPasses, k8Full, false, kFixedZero, 32>>(job, begin, end);
  if (min) return panels_of_kind<PanelKind<kPasses, k8, false, kMins, 32>>(job, begin, end);
  panels_of_kind<PanelKind<kPasses, k8, false, kFixedZero, 32>>(job, begin, end);
}

void matmul_int(const IntPanels& w, const IntActivations& x, const Output& out, size_t rows,
                size_t begin, size_t end) {
  const IntJob job{w, x, out, rows};
  if (x.bits == ActivationBits::k8) {
    int_panels<1>(job, begin, end);
  } else {
    int_panels<2>(job, begin, end);
  }
}

// The 16 q of half a group: as they are, or q = 128 * high + low with low in [-64, 63].
template <size_t kPasses>
HENG_INLINE void store_q(int8_t* at, Vi q) {
  if constexpr (kPasses == 1) {
    store_i8(at, q);
  } else {
    const Vi high = over_128(add_i(q, set1_i(64)));
    store_i8(at, high);
    store_i8(at + kGroup, sub_i(q, times_128(high)));
  }
}

// One token's group of 32, into its places in the tile-major arrays of kernel_table.h.
template <size_t kPasses>
void quantize_group(const float* x, const IntActivations& out, size_t at_32, size_t at_16,
                    size_t half_stride) {
  constexpr float kLargest = kPasses == 1 ? 127 : 127 * 128;
  const Vf a = load(x), b = load(x + kLanes);
  const float largest = max_lane(max(abs(a), abs(b)));
  const float scale = largest / kLargest;
  const Vf inverse = set1(largest > 0 ? kLargest / largest : 0.0f);
  const Vi qa = round_to_int(mul(a, inverse)), qb = round_to_int(mul(b, inverse));
  int8_t* q = out.q + at_32 * kPasses * kGroup;
  store_q<kPasses>(q, qa);
  store_q<kPasses>(q + kLanes, qb);
  const int32_t sum_a = sum_lanes(qa), sum_b = sum_lanes(qb);
  out.scale[at_32] = scale;
  out.sum[at_32] = sum_a + sum_b;
  out.scaled_sum[at_32] = scale * static_cast<float>(sum_a + sum_b);
  out.half_sum[at_16] = sum_a;
  out.half_sum[at_16 + half_stride] = sum_b;
  out.scaled_half_sum[at_16] = scale * static_cast<float>(sum_a);
  out.scaled_half_sum[at_16 + half_stride] = scale * static_cast<float>(sum_b);
}

template <size_t kPasses>
void quantize_tokens(const float* x, const IntActivations& out, size_t begin, size_t end) {
  const size_t groups = out.k / kGroup;
  for (size_t t = begin; t < end; ++t) {
    const size_t tile = t / kTokenTile * kTokenTile, in_tile = t - tile;
    const size_t nt = out.n_tokens - tile < kTokenTile ? out.n_tokens - tile : kTokenTile;
    for (size_t g = 0; g < groups; ++g) {
      quantize_group<kPasses>(x + t * out.k + g * kGroup, out, tile * groups + g * nt + in_tile,
                              2 * tile * groups + 2 * g * nt + in_tile, nt);
    }
  }
}

void quantize(const float* x, const IntActivations& out, size_t begin, size_t end) {
  if (out.bits == ActivationBits::k8) {
    quantize_tokens<1>(x, out, begin, end);
  } else {
    quantize_tokens<2>(x, out, begin, end);
  }
}

}  // namespace
}  // namespace heng::HENG_ISA
