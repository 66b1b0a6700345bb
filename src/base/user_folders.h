// Where programs keep what is a user's: the XDG Base Directory Specification. Reads the
// environment.
#pragma once

#include <filesystem>

namespace heng {

enum class UserFolder {
  kCache,  // can be made or fetched again: $XDG_CACHE_HOME, ~/.cache
  kData,   // $XDG_DATA_HOME, ~/.local/share
  kState,  // histories, runs: $XDG_STATE_HOME, ~/.local/state
};

// heng's own folder there, which may not exist yet; empty where there is no home.
std::filesystem::path user_folder(UserFolder kind);

}  // namespace heng
