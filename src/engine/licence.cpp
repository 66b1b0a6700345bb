#include "engine/licence.h"

#include <array>
#include <filesystem>
#include <sstream>

#include "base/file_map.h"
#include "base/message.h"
#include "heng/error.h"

namespace heng::engine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 1u << 20;
constexpr size_t kMaxShown = 80;

// Nothing where the file is absent, too long or unreadable: the licence is then not known.
std::string text_of(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return "";
  try {
    return read_text_file(file, kMaxFileBytes);
  } catch (const Error&) {
    return "";
  }
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\"'#";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  return printable(text.substr(0, kMaxShown));
}

// The value of "key: value" between the two --- lines that a model card begins with.
std::string header_value(const std::string& card, std::string_view key) {
  std::istringstream lines(card);
  std::string line;
  if (!std::getline(lines, line) || trimmed(line) != "---") return "";
  while (std::getline(lines, line) && trimmed(line) != "---") {
    const size_t colon = line.find(':');
    if (colon != std::string::npos && line.substr(0, colon) == key) {
      return trimmed(std::string_view(line).substr(colon + 1));
    }
  }
  return "";
}

std::string first_line(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (const std::string title = trimmed(line); !title.empty()) return title;
  }
  return "";
}

std::string from_card(const fs::path& folder) {
  const std::string card = text_of(folder / "README.md");
  const std::string licence = header_value(card, "license");
  const std::string name = header_value(card, "license_name");
  return licence == "other" && !name.empty() ? name : licence;
}

}  // namespace

std::string licence_of(const checkpoint::Checkpoint& c) {
  const JsonObject config(c.config(), c.config_file());
  if (c.kind() == checkpoint::Kind::kGguf) return config.string_or("general.license", "");
  std::string licence = config.string_or("license", "");
  if (licence.empty()) licence = from_card(c.path());
  constexpr std::array kFiles = {"LICENSE", "LICENSE.txt", "LICENSE.md", "MODEL_LICENSE"};
  for (const char* file : kFiles) {
    if (licence.empty()) licence = first_line(text_of(c.path() / file));
  }
  return licence;
}

}  // namespace heng::engine
