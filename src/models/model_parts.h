// Every tensor of the shared block with its place and size, in the order of use: what loading and
// exporting go through. Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "models/architecture.h"
#include "models/decoder.h"

namespace heng::models {

struct PartShape {
  Part part;
  size_t layer;         // 0 for the parts outside the layers
  uint64_t rows, cols;  // cols 1: a vector
};

// The weight matrices. A tied head is not listed.
std::vector<PartShape> matrix_parts(const DecoderSpec& spec);
// Norms and biases.
std::vector<PartShape> vector_parts(const DecoderSpec& spec);

}  // namespace heng::models
