// The entries of a zip archive that stores them as they are, as torch.save writes it: where in the
// mapped file each one lies. Compressed, encrypted, overlapping, repeated and contradicting entries
// are refused, so every entry is one range of the file and the archive cannot grow when read.
// libzip is not used here: it hands out an entry's bytes, and we need their place, to map tensors.
// Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (zip64). Pure functions.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace heng::checkpoint {

// Name -> bytes, which point into `bytes`. Throws Error kCorrupt, or kUnsupported where an entry is
// compressed or encrypted.
using ZipDirectory = std::map<std::string, std::span<const std::byte>, std::less<>>;
ZipDirectory read_zip_directory(std::span<const std::byte> bytes, std::string_view file);

}  // namespace heng::checkpoint
