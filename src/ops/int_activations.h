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
    zero_parts_.clear();
    const size_t groups = n_tokens * k / kernels::kGroup;
    if (scale_.size() < groups) {
      const size_t parts = bits_ == kernels::ActivationBits::k15 ? 2 : 1;  // high and low
      q_.resize(parts * groups * kernels::kGroup);
      scale_.resize(groups);
      sum_.resize(groups);
      half_sum_.resize(2 * groups);
      scaled_sum_.resize(groups);
      scaled_half_sum_.resize(2 * groups);
    }
    view_ = {bits_,
             q_.data(),
             scale_.data(),
             sum_.data(),
             half_sum_.data(),
             scaled_sum_.data(),
             scaled_half_sum_.data(),
             nullptr,
             n_tokens,
             k};
  }
  const kernels::IntActivations& view() const { return view_; }

  // Call after quantising, before view_for() is asked for such weights.
  void prepare_zero(const kernels::IntPanels& weights) {
    const bool is_fixed = weights.offset == kernels::PanelOffset::kFixedZero;
    if (!is_fixed || find_zero(weights) != nullptr) return;
    const bool halves = weights.group_length < kernels::kGroup;
    ZeroPart part{weights.zero_shift, halves, {}};
    const size_t n = view_.n_tokens * view_.k / kernels::kGroup * (halves ? 2 : 1);
    const int32_t* sums = halves ? view_.half_sum : view_.sum;
    part.values.resize(n);
    for (size_t i = 0; i < n; ++i) part.values[i] = -(sums[i] * (1 << part.shift));
    zero_parts_.push_back(std::move(part));
  }
  // The activations as products with `weights` take them.
  kernels::IntActivations view_for(const kernels::IntPanels& weights) const {
    kernels::IntActivations view = view_;
    if (const ZeroPart* zero = find_zero(weights)) view.zero_part = zero->values.data();
    return view;
  }

 private:
  struct ZeroPart {
    int shift;
    bool halves;
    std::vector<int32_t> values;
  };
  const ZeroPart* find_zero(const kernels::IntPanels& weights) const {
    const bool halves = weights.group_length < kernels::kGroup;
    for (const ZeroPart& part : zero_parts_) {
      if (part.shift == weights.zero_shift && part.halves == halves) return &part;
    }
    return nullptr;
  }

  kernels::ActivationBits bits_;
  std::vector<int8_t> q_;
  std::vector<float> scale_, scaled_sum_, scaled_half_sum_;
  std::vector<int32_t> sum_, half_sum_;
  std::vector<ZeroPart> zero_parts_;  // a few: one for each kind of weights that met this input
  kernels::IntActivations view_{};
};

}  // namespace heng::ops
