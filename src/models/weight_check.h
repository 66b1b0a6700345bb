// Whether a checkpoint's tensors are those of the model that its configuration describes, no fewer
// and no more: a layer too many, or a bias that nothing reads, gives wrong text that looks right.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "models/weight_source.h"

namespace heng::models {

// Throws Error kCorrupt where the files hold more layers than the configuration says.
void check_layer_count(const WeightRequest& request);

// `used`: the names of all tensors that the model reads. Throws Error kUnsupported naming a tensor
// of a layer that is not among them, unless it says nothing: rotation tables that are computed
// anyway, biases that are all zero. Reads those biases.
void check_all_used(const WeightRequest& request, const std::set<std::string>& used);

// Whether a tensor of that name is a table that code computes anyway (rotation, masks).
bool is_table(std::string_view name);

}  // namespace heng::models
