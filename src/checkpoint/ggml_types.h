// The numbers by which GGUF files name their tensors' types (enum ggml_type of ggml.h), ours and
// those that we know by name only, to say what a file holds. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/tensor.h"

namespace heng::checkpoint {

// nullopt where the type is not supported.
std::optional<DType> dtype_of_ggml_type(uint32_t type);

// REQUIRES: GGUF has such a type (all but u8 and bool).
uint32_t ggml_type_of(DType dtype);

// "IQ2_XXS", or "number 99" where it has no name we know.
std::string ggml_type_text(uint32_t type);

// "F32 F16 ..."
std::string supported_ggml_types();

}  // namespace heng::checkpoint
