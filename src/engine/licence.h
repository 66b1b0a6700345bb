// Under which licence a checkpoint was published, as far as its files say.
#pragma once

#include <string>

#include "checkpoint/checkpoint.h"

namespace heng::engine {

// A GGUF file's general.license; of a folder config.json's "license", else that of README.md's
// header (license, or license_name where that is "other"), else the title line of its LICENSE file.
// Empty where none says. At most 80 characters, on one line. Never throws for those files'
// contents.
std::string licence_of(const checkpoint::Checkpoint& checkpoint);

}  // namespace heng::engine
