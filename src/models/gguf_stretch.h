// What GGUF has no keys for: stretching the rotation by the length of the prompt (Qwen-1's dynamic
// NTK, transformers' "dynamic") and LogN. Files of heng say it under "heng."; other programs ignore
// that and run such a model plainly, right up to its trained length. Pure functions.
#pragma once

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_writer.h"
#include "models/decoder.h"

namespace heng::models {

// Whether `spec` has anything that needs these keys.
bool has_stretch(const DecoderSpec& spec);
void write_stretch(const DecoderSpec& spec, checkpoint::GgufWriter& out);
// Adds to a spec what the keys say, if they are there. Throws Error kCorrupt, kUnsupported.
void read_stretch(const checkpoint::Checkpoint& checkpoint, DecoderSpec& spec);

}  // namespace heng::models
