// A model's name on the command line -> the path of its files. See include/heng/auto_model.h.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/user_folders.h"
#include "heng/auto_model.h"

namespace heng {
namespace {

namespace fs = std::filesystem;

// Where heng keeps what it can make or fetch again.
fs::path cache_root() {
  const fs::path folder = user_folder(UserFolder::kCache);
  return folder.empty() ? fs::path(".cache") / "heng" : folder;
}

fs::path cache_folder() {
  if (const char* named = std::getenv("HENG_MODELS"); named && *named) return named;
  return cache_root() / "models";
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_model(const fs::directory_entry& entry) {
  std::error_code ignored;
  if (entry.is_directory(ignored)) {
    return fs::exists(entry.path() / "config.json", ignored) ||
           fs::exists(entry.path() / "params.json", ignored);
  }
  return entry.is_regular_file(ignored) && lower(entry.path().extension()) == ".gguf";
}

// Sorted by name. Empty where the folder cannot be read.
std::vector<fs::path> models_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    if (is_model(*it)) found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string without_gguf(const std::string& name) {
  return name.ends_with(".gguf") ? name.substr(0, name.size() - 5) : name;
}

// The models whose name fits best: exactly; in other case or without .gguf; by how it begins.
std::vector<fs::path> matches(const std::vector<fs::path>& models, const std::string& wanted) {
  const std::string plain = without_gguf(lower(wanted));
  std::vector<fs::path> same, begins;
  for (const fs::path& model : models) {
    const std::string name = model.filename();
    if (name == wanted) return {model};
    const std::string other = without_gguf(lower(name));
    if (other == plain) same.push_back(model);
    if (other.starts_with(plain)) begins.push_back(model);
  }
  return same.empty() ? begins : same;
}

std::string names_of(const std::vector<fs::path>& models) {
  std::string names;
  for (const fs::path& model : models) {
    names += (names.empty() ? "" : ", ") + model.filename().string();
  }
  return names;
}

}  // namespace

fs::path resolve_model(const std::string& name_or_path) {
  std::error_code ignored;
  if (!name_or_path.empty() && fs::exists(name_or_path, ignored)) return name_or_path;
  const fs::path folder = cache_folder();
  const auto models = models_in(folder);
  const bool may_be_name = !name_or_path.empty() && name_or_path.find('/') == std::string::npos;
  const auto found = may_be_name ? matches(models, name_or_path) : std::vector<fs::path>();
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    throw Error(ErrorCode::kNotFound, "\"" + name_or_path + "\" fits several models in " +
                                          folder.string() + ": " + names_of(found) +
                                          ". Give more of the name.");
  }
  const std::string there = models.empty() ? "holds no model" : "holds " + names_of(models);
  throw Error(ErrorCode::kNotFound,
              "no model \"" + name_or_path + "\": no such folder or file, and " + folder.string() +
                  " " + there +
                  ". Give the path of a checkpoint folder or a .gguf file, put one there, or run "
                  "`make chat` once to fetch the small default model.");
}

std::filesystem::path default_repack_cache() {
  const char* named = std::getenv("HENG_REPACK_CACHE");
  if (named == nullptr || !*named) return cache_root() / "repacked";
  return std::string_view(named) == "off" ? fs::path() : fs::path(named);
}

}  // namespace heng
