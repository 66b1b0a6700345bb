#include "grammar/number_range.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

namespace heng::grammar {
namespace {

constexpr size_t kMostInteger = 18, kMostDigits = 15;
constexpr int kMostExponent = 400;

std::string_view without_zeros_in_front(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

// Numbers from 0 on whose whole part has `length` digits.
class Digits {
 public:
  // An absent bound is never tight.
  Digits(ProgramBuilder& builder, const Bound& low, const std::optional<Bound>& high, size_t length,
         bool integer, NodeId next)
      : b_(builder),
        low_(spelled(low.value)),
        high_(high ? spelled(high->value) : Spelled()),
        low_exclusive_(low.exclusive),
        high_exclusive_(high && high->exclusive),
        length_(length),
        size_(integer ? length : std::max(length, kMostDigits)),
        next_(next) {
    const bool too_short = length < low_.whole, too_long = high && length > high_.whole;
    if (too_short || too_long) return;
    begin_ = from(0, length == low_.whole, high && length == high_.whole);
  }

  NodeId begin() const { return begin_; }

 private:
  struct Spelled {
    std::string digits;
    size_t whole = 0;  // of them, in front of the point
  };

  static Spelled spelled(const Decimal& value) {
    const std::string whole = value.whole.empty() ? "0" : value.whole;
    return {whole + value.fraction, whole.size()};
  }

  static char digit(const Spelled& bound, size_t at) {
    return at < bound.digits.size() ? bound.digits[at] : '0';
  }

  // Whether a number may end here: the digits that do not follow are zeros.
  bool may_end(size_t at, bool low_tight, bool high_tight) const {
    if (at < length_) return false;
    const auto rest_is_zero = [&](const Spelled& bound) {
      return bound.digits.find_first_not_of('0', at) == std::string::npos;
    };
    const bool enough = !low_tight || (rest_is_zero(low_) && !low_exclusive_);
    const bool not_over = !high_tight || !rest_is_zero(high_) || !high_exclusive_;
    return enough && not_over;
  }

  // What may follow `at` digits that were those of a bound where it is tight.
  NodeId from(size_t at, bool low_tight, bool high_tight) {
    const auto key = std::tuple(at, low_tight, high_tight);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const NodeId end = may_end(at, low_tight, high_tight) ? next_ : b_.kNever;
    NodeId more = b_.kNever;
    if (at < size_) {
      const char least = at == 0 && length_ > 1 ? '1' : '0';
      const char first = low_tight ? std::max(digit(low_, at), least) : least;
      const char last = high_tight ? digit(high_, at) : '9';
      for (char c = first; c <= last; ++c) {
        const bool low_still = low_tight && c == digit(low_, at);
        const bool high_still = high_tight && c == digit(high_, at);
        const auto byte = static_cast<uint8_t>(c);
        more = b_.either(more, b_.range(byte, byte, from(at + 1, low_still, high_still)));
      }
    }
    if (at == length_ && more != b_.kNever) more = b_.literal(".", more);
    return known_[key] = b_.either(end, more);
  }

  ProgramBuilder& b_;
  const Spelled low_, high_;
  const bool low_exclusive_, high_exclusive_;
  const size_t length_, size_;  // digits in front of the point, and in all
  const NodeId next_;
  std::map<std::tuple<size_t, bool, bool>, NodeId> known_;
  NodeId begin_ = ProgramBuilder::kNever;
};

NodeId from_zero(ProgramBuilder& b, const Bound& low, const std::optional<Bound>& high,
                 bool integer, NodeId next) {
  NodeId all = b.kNever;
  for (size_t length = 1; length <= (integer ? kMostInteger : kMostDigits); ++length) {
    all = b.either(all, Digits(b, low, high, length, integer, next).begin());
  }
  return all;
}

Bound mirrored(Bound bound) {
  bound.value.negative = !bound.value.negative;
  return bound;
}

}  // namespace

int compare(const Decimal& a, const Decimal& b) {
  if (a.is_zero() && b.is_zero()) return 0;
  const bool a_negative = a.negative && !a.is_zero(), b_negative = b.negative && !b.is_zero();
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  int order = 0;
  if (a.whole.size() != b.whole.size()) {
    order = a.whole.size() < b.whole.size() ? -1 : 1;
  } else {
    const int digits = (a.whole + a.fraction).compare(b.whole + b.fraction);
    order = (digits > 0) - (digits < 0);
  }
  return a_negative ? -order : order;
}

std::optional<Decimal> parse_decimal(std::string_view number) {
  Decimal value;
  value.negative = number.starts_with('-');
  if (value.negative) number.remove_prefix(1);
  const size_t e = std::min(number.find_first_of("eE"), number.size());
  int exponent = 0;
  if (e < number.size()) {
    std::string_view digits = number.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (read.ec != std::errc() || std::abs(exponent) > kMostExponent) return std::nullopt;
  }
  number = number.substr(0, e);
  const size_t point = std::min(number.find('.'), number.size());
  std::string digits(number.substr(0, point));
  if (point < number.size()) digits += number.substr(point + 1);
  int whole = static_cast<int>(point) + exponent;
  if (whole < 0) {
    digits.insert(0, static_cast<size_t>(-whole), '0');
    whole = 0;
  }
  if (static_cast<size_t>(whole) > digits.size()) digits.resize(static_cast<size_t>(whole), '0');
  value.whole = without_zeros_in_front(std::string_view(digits).substr(0, whole));
  value.fraction = digits.substr(static_cast<size_t>(whole));
  value.fraction.resize(value.fraction.find_last_not_of('0') + 1);
  return value;
}

NodeId number_range(ProgramBuilder& b, const std::optional<Bound>& low,
                    const std::optional<Bound>& high, bool integer, NodeId next) {
  const Bound from_nought{{}, false}, over_nought{{}, true};
  const auto is_negative = [](const Bound& bound) {
    return bound.value.negative && !bound.value.is_zero();
  };
  NodeId all = b.kNever;
  if (!high || !is_negative(*high)) {
    const bool positive = low && !is_negative(*low);
    std::optional<Bound> most = high;
    all = from_zero(b, positive ? *low : from_nought, most, integer, next);
  }
  if (!low || is_negative(*low)) {
    // -x lies in the range where x lies in the mirrored one.
    const bool negative = high && is_negative(*high);
    const Bound least = negative ? mirrored(*high) : over_nought;
    std::optional<Bound> most;
    if (low) most = mirrored(*low);
    all = b.either(all, b.literal("-", from_zero(b, least, most, integer, next)));
  }
  return all;
}

}  // namespace heng::grammar
