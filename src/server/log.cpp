#include "server/log.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

#include "base/message.h"

namespace heng::server {
namespace {

// "2026-01-31T12:00:00.123Z"
std::string now_text() {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const std::time_t seconds = system_clock::to_time_t(now);
  const auto ms = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t n = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + n, sizeof(text) - n, ".%03dZ", static_cast<int>(ms));
  return text;
}

}  // namespace

void Log::write(std::string_view event, std::initializer_list<Field> fields) {
  if (format_ == LogFormat::kNone) return;
  std::string line;
  if (format_ == LogFormat::kJson) {
    nlohmann::ordered_json object;
    object["time"] = now_text();
    object["event"] = event;
    for (const auto& [name, value] : fields) {
      if (!value.is_null()) object[std::string(name)] = value;
    }
    line = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  } else {
    line = now_text() + " " + std::string(event);
    for (const auto& [name, value] : fields) {
      if (value.is_null()) continue;
      const std::string shown =
          value.is_string() ? printable(value.get_ref<const std::string&>()) : value.dump();
      line += " " + std::string(name) + "=" + shown;
    }
  }
  line += '\n';
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace heng::server
