// Numbers between bounds, digit by digit. They are written without an exponent, integers with at
// most 18 digits, others with at most 15 in all, which doubles tell apart: so what compares as
// decimals compares as doubles too. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/program.h"

namespace heng::grammar {

// whole.fraction, without zeros in front or behind.
struct Decimal {
  bool negative = false;
  std::string whole, fraction;

  bool is_zero() const { return whole.empty() && fraction.empty(); }
};

// -1, 0, 1: a < b, a == b, a > b.
int compare(const Decimal& a, const Decimal& b);

// A number of JSON; nullopt where its exponent makes it longer than 400 digits.
std::optional<Decimal> parse_decimal(std::string_view number);

struct Bound {
  Decimal value;
  bool exclusive = false;
};

NodeId number_range(ProgramBuilder& builder, const std::optional<Bound>& low,
                    const std::optional<Bound>& high, bool integer, NodeId next);

}  // namespace heng::grammar
