#include "base/user_folders.h"

#include <cstdlib>

namespace heng {
namespace {

struct Place {
  const char* variable;
  const char* below_home;
};

Place place_of(UserFolder kind) {
  switch (kind) {
    case UserFolder::kCache:
      return {"XDG_CACHE_HOME", ".cache"};
    case UserFolder::kData:
      return {"XDG_DATA_HOME", ".local/share"};
    case UserFolder::kState:
      break;
  }
  return {"XDG_STATE_HOME", ".local/state"};
}

}  // namespace

std::filesystem::path user_folder(UserFolder kind) {
  const Place place = place_of(kind);
  if (const char* named = std::getenv(place.variable); named && *named) {
    return std::filesystem::path(named) / "heng";
  }
  const char* home = std::getenv("HOME");
  if (!home || !*home) return {};
  return std::filesystem::path(home) / place.below_home / "heng";
}

}  // namespace heng
