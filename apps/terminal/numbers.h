// Numbers as people read them. Pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace heng::terminal {

// Three significant figures at most, no exponent, thousands separators: "182", "7.7", "0.52",
// "12,345".
std::string short_number(double value);
// "57 MB", "14.4 GiB": decimal megabytes up to 1 GiB, as downloads are counted; then GiB, as memory
// is.
std::string bytes(uint64_t n);
// "31 ms", "4.2 s", "1m12s", "2h05m".
std::string duration(double seconds);

}  // namespace heng::terminal
