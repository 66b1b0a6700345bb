// The server's log on standard error: one line an event, plain or JSON. Texts of prompts and
// replies never come here. Safe to use from many threads.
#pragma once

#include <initializer_list>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace heng::server {

enum class LogFormat { kPlain, kJson, kNone };

class Log {
 public:
  using Field = std::pair<std::string_view, Json>;

  explicit Log(LogFormat format) : format_(format) {}

  // Fields that are null are left out.
  void write(std::string_view event, std::initializer_list<Field> fields);

 private:
  const LogFormat format_;
  std::mutex mutex_;
};

}  // namespace heng::server
