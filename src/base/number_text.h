// Numbers as text. Pure functions; safe from any thread.
#pragma once

#include <string>

namespace heng {

// Python's repr of a float: the shortest digits that read back the same. REQUIRES: finite.
std::string float_text(double value);

}  // namespace heng
