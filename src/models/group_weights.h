// Linear layers as packed 4- or 8-bit integers with a scale and a zero for each group of inputs, as
// GPTQ and AWQ files hold them, read as rows of formats/int_group.h. A module X of [out, in] is
//   X.qweight  int32, 32 / bits integers a word
//   X.qzeros   int32 [groups, out * bits / 32]
//   X.scales   fp16 [groups, out]
//   X.g_idx    int32 [in], GPTQ only: each input's group; unsorted with act-order
// and weight[o, i] = scales[g_idx[i], o] * (q[i, o] - zero[g_idx[i], o]).
// Sources: AutoGPTQ 0.7.1, qlinear_cuda_old.py and convert_gptq_v1_to_v2_format; AutoAWQ 0.2.5,
// gemm.py and packing_utils.py. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "models/weight_source.h"

namespace heng::models {

struct GroupLayout {
  // What shares a word of qweight: neighbouring inputs, [in * bits / 32, out], the first in the
  // lowest bits (GPTQ), or neighbouring outputs, [in, out * bits / 32] (AWQ).
  enum class Words { kOfInputs, kOfOutputs };
  Words words = Words::kOfInputs;
  uint32_t bits = 4;        // 4 or 8
  uint64_t group_size = 0;  // inputs a group, a multiple of 32; 0: all of them
  // Where output (32 / bits) w + j lies in word w of qzeros, and of qweight for kOfOutputs: in the
  // bits from lanes[j] * bits on.
  std::array<uint8_t, 8> lanes = {0, 1, 2, 3, 4, 5, 6, 7};
  uint32_t zero_add = 0;   // zero = (stored + zero_add) mod 2^bits
  bool has_g_idx = false;  // X.g_idx is read where it is there
  bool act_order = false;  // and must be there
};

// Reads a group size as config files have it, -1 meaning all inputs. Throws Error kCorrupt,
// kUnsupported naming the field.
uint64_t read_group_size(const JsonObject& quantization, std::string_view key);

// "int4, group 128"
std::string describe_groups(const GroupLayout& layout);

// The matrix [rows, cols] of the module whose plain weight would be `ref`; nullopt where it is
// stored plain. Throws Error kCorrupt, kUnsupported naming file and tensor: missing, of another
// shape or type, groups that do not hold group_size inputs each.
std::optional<WeightSource> find_group_matrix(const checkpoint::Checkpoint& checkpoint,
                                              const GroupLayout& layout, const TensorRef& ref,
                                              uint64_t rows, uint64_t cols);

}  // namespace heng::models
