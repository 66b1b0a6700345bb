// generation_config.json, already parsed -> GenerationConfig. A pure function.
#pragma once

#include <string_view>

#include "base/json.h"
#include "heng/generation.h"

namespace heng::engine {

// Settings that are not in `json` keep transformers' defaults. `file` is named in errors.
// Throws Error kCorrupt naming the field.
GenerationConfig generation_config_from_json(const Json& json, std::string_view file);

}  // namespace heng::engine
