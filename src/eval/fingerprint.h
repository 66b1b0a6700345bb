// Which files a model is made of, as one hash for manifests. Pure but for reading the files.
#pragma once

#include <filesystem>
#include <string>

namespace heng::eval {

// SHA-256 over names, sizes and contents of a .gguf file, or of the files of a checkpoint folder
// sorted by name. Up to 1 GiB the contents are taken whole; of more, 64 KiB out of every 16 MiB of
// each file and its ends, so that 15 GB do not take a minute at every start. Throws Error
// kNotFound.
std::string model_fingerprint(const std::filesystem::path& path);

}  // namespace heng::eval
