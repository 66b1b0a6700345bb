// Picks the tokenizer from the files of a checkpoint.
#pragma once

#include <filesystem>
#include <memory>

#include "checkpoint/checkpoint.h"
#include "heng/tokenizer.h"

namespace heng::text {

// As Tokenizer::load, for a checkpoint that is already open.
std::shared_ptr<const Tokenizer> load_tokenizer(const checkpoint::Checkpoint& checkpoint);

// Whether a folder holds the files of a tokenizer, of any kind.
bool has_tokenizer(const std::filesystem::path& folder);

}  // namespace heng::text
