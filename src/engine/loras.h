// The adapters of LoadOptions: opened, described, and what comes from their folders besides
// weights.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "checkpoint/lora_adapter.h"
#include "heng/model.h"
#include "text/chat_files.h"

namespace heng::engine {

using Loras = std::vector<std::shared_ptr<const checkpoint::LoraAdapter>>;

// Throws as LoraAdapter::open.
Loras open_loras(std::span<const std::filesystem::path> folders);

LoraInfo describe_lora(const checkpoint::LoraAdapter& adapter);

// The last folder that has a tokenizer; nullopt: the model's own holds.
std::optional<std::filesystem::path> tokenizer_folder(const Loras& loras);

// Throws Error kUnsupported where `tokenizer`, out of an adapter, has tokens that the model's
// embedding table of `vocabulary` rows lacks.
void check_tokenizer_fits(const Tokenizer& tokenizer, const Loras& loras, size_t vocabulary);

// What tells the chat format of a model with adapters: the base's files with the vocabulary of the
// whole, and the template of the adapter whose tokenizer is used, if it has one.
text::ChatFiles with_loras(text::ChatFiles base, const Loras& loras, int64_t vocabulary);

}  // namespace heng::engine
