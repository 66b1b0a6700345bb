#include "engine/precision.h"

#include "formats/format.h"

namespace heng::engine {
namespace {

ops::KvType kv_type_for(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kF32:
      return ops::KvType::kF32;
    case DType::kBF16:
      return ops::KvType::kBF16;
    default:
      return ops::KvType::kF16;  // 11 bits of precision: more than the weights have
  }
}

std::string why_as_stored(DType stored, const ops::Backend& backend) {
  const formats::WeightFormat* format = formats::find_format(stored);
  if (format != nullptr && format->expand_block != nullptr) {
    return backend.prepared_bytes(*format, 16, 256) > 0
               ? "as stored: integer products on " + std::string(backend.name())
               : "as stored";
  }
  if (stored == DType::kBF16) {
    return backend.multiplies_bf16() ? "as stored: this processor multiplies bf16"
                                     : "as stored: multiplied in fp32 on this processor";
  }
  if (stored == DType::kF16) return "as stored: multiplied in fp32";
  return "as stored";
}

}  // namespace

PrecisionChoice choose_precision(Precision wanted, DType stored, const ops::Backend& backend) {
  DType target = stored;
  if (wanted == Precision::kFp32) target = DType::kF32;
  if (wanted == Precision::kFp16) target = DType::kF16;
  if (wanted == Precision::kBf16) target = DType::kBF16;
  PrecisionChoice choice;
  if (wanted != Precision::kAuto) choice.convert_to = target;
  choice.kv = kv_type_for(target);
  // Users know the 32- and 16-bit types by the names of --dtype.
  choice.computed_as = target == DType::kF32   ? "fp32"
                       : target == DType::kF16 ? "fp16"
                                               : std::string(dtype_name(target));
  choice.why = target == stored ? why_as_stored(stored, backend)
                                : "converted from " + std::string(dtype_name(stored));
  return choice;
}

}  // namespace heng::engine
