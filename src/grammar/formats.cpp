// Sources: RFC 3339 (date-time, date, time; duration in its appendix A), RFC 9562 (uuid), RFC 4291
// (ipv6), RFC 5321, 1034 and 3986 (email, hostname, uri; the parts of them that every reader
// takes).
#include "grammar/formats.h"

#include <array>
#include <utility>

namespace heng::grammar {
namespace {

const std::string kYear = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])";
const std::string kLeapYear =
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)";
const std::string kDate = "(?:" + kYear +
                          "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|"
                          "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|" +
                          kLeapYear + "-02-29)";
const std::string kTime =
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?"
    "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
const std::string kDays = "[0-9]{1,6}D", kSeconds = "[0-9]{1,6}S";
const std::string kMinutes = "[0-9]{1,6}M(?:" + kSeconds + ")?";
const std::string kHours = "[0-9]{1,6}H(?:" + kMinutes + ")?";
const std::string kClock = "T(?:" + kHours + "|" + kMinutes + "|" + kSeconds + ")";
const std::string kMonths = "[0-9]{1,6}M(?:" + kDays + ")?";
const std::string kDuration = "P(?:(?:" + kDays + "|" + kMonths + "|[0-9]{1,6}Y(?:" + kMonths +
                              ")?)(?:" + kClock + ")?|" + kClock + "|[0-9]{1,6}W)";
const std::string kOctet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const std::string kIpv4 = kOctet + "(?:\\." + kOctet + "){3}";
const std::string kGroup = "[0-9a-fA-F]{1,4}";
const std::string kLabel = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
// At most three labels, so that no name is over 253 bytes.
const std::string kHostname = kLabel + "(?:\\." + kLabel + "){0,2}";
const std::string kUuid =
    "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
const std::string kEmail =
    "[a-zA-Z0-9_+-]{1,16}(?:\\.[a-zA-Z0-9_+-]{1,16}){0,2}@" + kLabel + "(?:\\." + kLabel + "){1,2}";
const std::string kUri = "https?://" + kHostname +
                         "(?::[1-9][0-9]{0,3})?(?:/[a-zA-Z0-9._~-]*){0,8}"
                         "(?:\\?[a-zA-Z0-9._~=&-]*)?(?:#[a-zA-Z0-9._~-]*)?";

std::string ipv6() {
  std::string all = "(?:" + kGroup + ":){7}" + kGroup;
  // A run of zeros is left out behind n groups.
  for (int n = 0; n <= 6; ++n) {
    const std::string front =
        n == 0 ? "" : kGroup + "(?::" + kGroup + "){" + std::to_string(n - 1) + "}";
    const std::string back = kGroup + "(?::" + kGroup + "){0," + std::to_string(5 - n) + "}";
    all += "|" + front + "::" + (n <= 5 ? "(?:" + back + ")?" : "");
  }
  return "(?:" + all + ")";
}

const auto& formats() {
  static const std::array<std::pair<std::string_view, std::string>, 10> kFormats = {
      {{"date-time", kDate + "T" + kTime},
       {"date", kDate},
       {"time", kTime},
       {"duration", kDuration},
       {"email", kEmail},
       {"hostname", kHostname},
       {"ipv4", kIpv4},
       {"ipv6", ipv6()},
       {"uri", kUri},
       {"uuid", kUuid}}};
  return kFormats;
}

}  // namespace

std::string format_pattern(std::string_view format) {
  for (const auto& [name, pattern] : formats()) {
    if (name == format) return "^" + pattern + "$";
  }
  return "";
}

std::string format_names() {
  std::string names;
  for (const auto& [name, pattern] : formats()) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names;
}

}  // namespace heng::grammar
