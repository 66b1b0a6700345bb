#include "remote/event_reader.h"

#include <utility>

#include "heng/error.h"

namespace heng::remote {

void EventReader::push(std::string_view bytes) {
  read_.erase(0, at_);
  at_ = 0;
  if (read_.size() + data_.size() + bytes.size() > 2 * kMostEventBytes) {
    throw Error(ErrorCode::kCorrupt, "an event of the stream is too long.");
  }
  read_ += bytes;
}

std::optional<std::string> EventReader::next() {
  while (true) {
    const size_t end = read_.find_first_of("\r\n", at_);
    if (end == std::string::npos) {
      if (read_.size() - at_ + data_.size() > kMostEventBytes) {
        throw Error(ErrorCode::kCorrupt, "an event of the stream is too long.");
      }
      return std::nullopt;
    }
    // "\r\n" is one end; whether a "\r" is followed by "\n" may not be known yet.
    if (read_[end] == '\r' && end + 1 == read_.size()) return std::nullopt;
    std::string_view line = std::string_view(read_).substr(at_, end - at_);
    at_ = end + (read_.compare(end, 2, "\r\n") == 0 ? 2 : 1);
    if (line.empty()) {
      if (!has_data_) continue;
      has_data_ = false;
      return std::exchange(data_, "");
    }
    if (!line.starts_with("data:")) continue;
    line.remove_prefix(5);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (has_data_) data_ += '\n';
    data_ += line;
    has_data_ = true;
  }
}

}  // namespace heng::remote
