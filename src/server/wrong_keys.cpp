#include "server/wrong_keys.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace heng::server {
namespace {

constexpr auto kWindow = std::chrono::minutes(1);

// One customer has 2^64 addresses of IPv6.
std::string network_of(std::string_view address) {
  boost::system::error_code code;
  const auto parsed = boost::asio::ip::make_address(std::string(address), code);
  if (code || !parsed.is_v6() || parsed.to_v6().is_v4_mapped()) return std::string(address);
  const auto bytes = parsed.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

}  // namespace

std::chrono::milliseconds WrongKeys::note(std::string_view address, Clock::time_point now) {
  if (counts_.size() >= kMostAddresses) {
    std::erase_if(counts_, [&](const auto& item) { return now - item.second.began > kWindow; });
  }
  if (counts_.size() >= kMostAddresses) return kMost;  // a herd of them
  Count& count = counts_.try_emplace(network_of(address), Count{now, 0}).first->second;
  if (now - count.began > kWindow) count = {now, 0};
  if (++count.n <= kFree) return {};
  return std::min<std::chrono::milliseconds>(kMost, (count.n - kFree) * kStep);
}

}  // namespace heng::server
