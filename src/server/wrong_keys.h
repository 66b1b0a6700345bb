// Who tries keys: wrong ones by address, so that their answers come later and later. Nobody else
// waits, nor do right keys of the same address. Not thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace heng::server {

class WrongKeys {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kFree = 20;  // wrong keys a minute that are answered at once
  static constexpr std::chrono::milliseconds kStep{100}, kMost{5000};

  // Counts a wrong key of `address`; after how long it is answered.
  std::chrono::milliseconds note(std::string_view address, Clock::time_point now);

 private:
  static constexpr size_t kMostAddresses = 4096;
  struct Count {
    Clock::time_point began;
    size_t n = 0;
  };

  std::map<std::string, Count> counts_;  // by address; of IPv6 its network of 64 bits
};

}  // namespace heng::server
