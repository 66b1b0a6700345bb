// Memory for one input as groups of integers (kernels::IntActivations). Grows, never shrinks;
// owns its arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace heng::ops {

class IntActivationBuffer {
 public:
  explicit IntActivationBuffer(kernels::ActivationBits bits) : bits_(bits) {}

  // Room for [n_tokens, k]; k a multiple of 32. Contents are undefined afterwards.
  void resize(size_t n_tokens, size_t k) {
    const size_t groups = n_tokens * k / kernels::kGroup;
    if (scale_.size() < groups) {
      const size_t parts = bits_ == kernels::ActivationBits::k15 ? 2 : 1;  // high and low
      q_.resize(parts * groups * kernels::kGroup);
      scale_.resize(groups);
      negative_sum_.resize(groups);
      half_negative_sum_.resize(2 * groups);
      scaled_sum_.resize(groups);
      scaled_half_sum_.resize(2 * groups);
    }
    view_ = {bits_,
             q_.data(),
             scale_.data(),
             negative_sum_.data(),
             half_negative_sum_.data(),
             scaled_sum_.data(),
             scaled_half_sum_.data(),
             n_tokens,
             k};
  }
  const kernels::IntActivations& view() const { return view_; }

 private:
  kernels::ActivationBits bits_;
  std::vector<int8_t> q_;
  std::vector<float> scale_, scaled_sum_, scaled_half_sum_;
  std::vector<int32_t> negative_sum_, half_negative_sum_;
  kernels::IntActivations view_{};
};

}  // namespace heng::ops
