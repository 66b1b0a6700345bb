// Memory for one input as 15-bit integer groups (kernels::IntActivations). Grows, never shrinks;
// owns its arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace heng::ops {

class IntActivationBuffer {
 public:
  // Room for [n_tokens, k]; k a multiple of 32. Contents are undefined afterwards.
  void resize(size_t n_tokens, size_t k) {
    const size_t groups = n_tokens * k / kernels::kGroup;
    if (scale_.size() < groups) {
      q_.resize(2 * groups * kernels::kGroup);  // high and low
      scale_.resize(groups);
      sum_.resize(groups);
      half_sum_.resize(2 * groups);
      scaled_sum_.resize(groups);
      scaled_half_sum_.resize(2 * groups);
    }
    view_ = {q_.data(),          scale_.data(),           sum_.data(), half_sum_.data(),
             scaled_sum_.data(), scaled_half_sum_.data(), n_tokens,    k};
  }
  const kernels::IntActivations& view() const { return view_; }

 private:
  std::vector<int8_t> q_;
  std::vector<float> scale_, scaled_sum_, scaled_half_sum_;
  std::vector<int32_t> sum_, half_sum_;
  kernels::IntActivations view_{};
};

}  // namespace heng::ops
