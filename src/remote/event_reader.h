// The data of server-sent events out of a stream that comes in pieces of any size. Comments, names
// and ids of events are passed over. Not thread-safe. Source: HTML Standard, 9.2.6.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heng::remote {

class EventReader {
 public:
  static constexpr size_t kMostEventBytes = 4u << 20;

  // Throws Error kCorrupt where an event is longer than the limit.
  void push(std::string_view bytes);
  // The data of the next whole event; nullopt: none yet.
  std::optional<std::string> next();

 private:
  std::string read_, data_;
  size_t at_ = 0;  // in read_: what is before it has been taken
  bool has_data_ = false;
};

}  // namespace heng::remote
