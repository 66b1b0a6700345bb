#include "engine/precision.h"

#include "formats/format.h"
#include "heng/error.h"

namespace heng::engine {
namespace {

// Small models lose replies to rounding and are fast anyway, so what is quicker and coarser (8-bit
// activations, a bf16 KV cache beside quantised weights) is for models from here on: 8 bits move
// the logits of SmolLM2-135M by 0.15 (root mean square).
constexpr uint64_t kLarge = 1'000'000'000;

ops::KvType choose_kv(KvPrecision wanted, DType weights, uint64_t parameters,
                      const ops::Backend& backend) {
  switch (wanted) {
    case KvPrecision::kFp32:
      return ops::KvType::kF32;
    case KvPrecision::kFp16:
      return ops::KvType::kF16;
    case KvPrecision::kBf16:
      return ops::KvType::kBF16;
    case KvPrecision::kInt8:
      return ops::KvType::kI8;
    case KvPrecision::kAuto:
      break;
  }
  if (weights == DType::kF64 || weights == DType::kF32) return ops::KvType::kF32;
  if (weights == DType::kBF16) return ops::KvType::kBF16;
  if (weights == DType::kF16) return ops::KvType::kF16;
  return parameters >= kLarge && backend.multiplies_bf16() ? ops::KvType::kBF16 : ops::KvType::kF16;
}

ops::ActivationBits choose_activations(Activations wanted, uint64_t parameters) {
  if (wanted == Activations::kAuto) {
    wanted = parameters < kLarge ? Activations::k15Bits : Activations::k8Bits;
  }
  return wanted == Activations::k8Bits ? ops::ActivationBits::k8 : ops::ActivationBits::k15;
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

DType target_of(Precision wanted, DType stored) {
  switch (wanted) {
    case Precision::kAuto:
      return stored;
    case Precision::kFp32:
      return DType::kF32;
    case Precision::kFp16:
      return DType::kF16;
    case Precision::kBf16:
      return DType::kBF16;
    case Precision::kInt8:
      return DType::kQ8_0;
    case Precision::kInt4:
      return DType::kQ4_0;
  }
  throw Error(ErrorCode::kInternal, "target_of: unknown precision.");
}

// Users know the 32- and 16-bit types by the names of --dtype, and groups of integers by their
// bits.
std::string name_of(DType dtype) {
  if (dtype == DType::kF32) return "fp32";
  if (dtype == DType::kF16) return "fp16";
  const formats::WeightFormat* format = formats::find_format(dtype);
  const bool is_group = format != nullptr && format->zero == formats::kStoredZero;
  return is_group ? "int" + std::to_string(format->bits) : std::string(dtype_name(dtype));
}

bool is_quantised_in(DType stored, uint32_t bits) {
  const formats::WeightFormat* format = formats::find_format(stored);
  return format != nullptr && format->expand_block != nullptr && format->bits <= bits;
}

}  // namespace

PrecisionChoice choose_precision(const LoadOptions& options, const StoredWeights& stored,
                                 const ops::Backend& backend) {
  const DType target = target_of(options.dtype, stored.dtype);
  const std::string from = name_of(stored.dtype);
  PrecisionChoice choice;
  if (options.dtype != Precision::kAuto) choice.convert_to = target;
  choice.kv = choose_kv(options.kv, target, stored.parameters, backend);
  choice.activations = choose_activations(options.activations, stored.parameters);
  const formats::WeightFormat* format = formats::find_format(target);
  choice.quantised = format != nullptr && format->expand_block != nullptr;
  choice.computed_as = name_of(target);
  if (target == stored.dtype) {
    choice.why = why_as_stored(target, backend);
  } else if (options.dtype != Precision::kInt8 && options.dtype != Precision::kInt4) {
    choice.why = "converted from " + from;
  } else if (is_quantised_in(stored.dtype, format->bits)) {
    choice.computed_as = from;
    choice.why = why_as_stored(stored.dtype, backend) + ", no more bits than were asked for";
  } else {
    const bool four = options.dtype == Precision::kInt4;
    choice.computed_as = four ? "int4" : "int8";
    choice.why = "quantised from " + from + " to " + std::string(dtype_name(target)) +
                 (four ? ", embeddings and head to q8_0" : "");
  }
  return choice;
}

std::string_view kv_type_name(ops::KvType type) {
  switch (type) {
    case ops::KvType::kF32:
      return "fp32";
    case ops::KvType::kF16:
      return "fp16";
    case ops::KvType::kBF16:
      return "bf16";
    case ops::KvType::kI8:
      return "int8";
  }
  return "";
}

}  // namespace heng::engine
