// Compiled once per instruction set level (cmake/isa.cmake). Exports one symbol: this level's
// kTable.
#include "kernels/attention-inl.h"
#include "kernels/int_matmul-inl.h"
#include "kernels/kernel_table.h"
#include "kernels/plain_matmul-inl.h"
#include "kernels/rowwise-inl.h"
#include "kernels/vec.h"

#define HENG_STRING_(x) #x
#define HENG_STRING(x) HENG_STRING_(x)

namespace heng::HENG_ISA {

extern const kernels::KernelTable kTable;
const kernels::KernelTable kTable = {
    .level = HENG_STRING(HENG_ISA),
#if defined(__AVX512BF16__)
    .bf16_activations = true,
#else
    .bf16_activations = false,
#endif
    .matmul_f32 = matmul_plain<LoadF32>,
    .matmul_f16 = matmul_plain<LoadF16>,
    .matmul_bf16 = matmul_plain<LoadBf16>,
    .matmul_int = matmul_int,
    .quantize = quantize,
    .pack_f32 = pack_plain<float>,
    .pack_bf16 = pack_plain<uint16_t>,
    .attention = {attention<KvF32>, attention<KvF16>, attention<KvBf16>, attention_i8},
    .write_kv = {write_kv<KvF32>, write_kv<KvF16>, write_kv<KvBf16>, write_kv_i8},
    .rms_norm = rms_norm,
    .swiglu = swiglu,
    .all_finite_f32 = all_finite_f32,
    .all_finite_f16 = all_finite_f16,
    .all_finite_bf16 = all_finite_bf16,
    .peak_f32 = peak_f32,
#if defined(__AVX512BF16__)
    .peak_bf16 = peak_bf16,
#else
    .peak_bf16 = nullptr,
#endif
    .peak_int8 = peak_int8,
    .read_all = read_all,
};

}  // namespace heng::HENG_ISA
