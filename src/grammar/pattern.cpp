#include "grammar/pattern.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "base/message.h"
#include "heng/error.h"

namespace heng::grammar {
namespace {

constexpr size_t kLongestPattern = 4096;  // bytes
constexpr size_t kMostRepeats = 10'000;
constexpr int kMostNesting = 64;
constexpr char32_t kLast = 0x10FFFF;

using Ranges = std::vector<CodeRange>;

// Sorted, without overlaps.
Ranges normal(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  Ranges out;
  for (const CodeRange& range : ranges) {
    if (!out.empty() && range.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

Ranges all_but(const Ranges& ranges) {
  Ranges out;
  char32_t from = 0;
  for (const CodeRange& range : normal(ranges)) {
    if (range.first > from) out.push_back({from, range.first - 1});
    from = range.last + 1;
  }
  if (from <= kLast) out.push_back({from, kLast});
  return out;
}

const Ranges kDigits = {{'0', '9'}};
const Ranges kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// White space to ECMA-262 and to Python's re alike, and to any of them: where either might be
// meant, what is written suits both.
const Ranges kSpaces = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},
                        {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                        {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
const Ranges kAnySpaces = {{'\t', '\r'},     {0x1C, ' '},      {0x85, 0x85},     {0xA0, 0xA0},
                           {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                           {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
// ECMA-262's; "." is anything else.
const Ranges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

// What a pattern says, before it is built from its end.
struct Term {
  enum class Kind { kClass, kSequence, kChoice, kRepeat, kStart, kEnd };
  Kind kind;
  Ranges ranges = {};            // kClass
  std::vector<Term> parts = {};  // of the others
  size_t least = 0, most = 0;    // kRepeat
};

}  // namespace

class PatternReader {
 public:
  PatternReader(std::string_view pattern, std::string_view where)
      : all_(pattern), rest_(pattern), where_(where) {}

  Term read() {
    if (all_.size() > kLongestPattern) {
      refuse("of " + std::to_string(all_.size()) + " bytes, over " +
             std::to_string(kLongestPattern));
    }
    Term term = choice();
    if (!rest_.empty()) refuse_next();
    return term;
  }

  [[noreturn]] void refuse(const std::string& problem) const {
    throw Error(ErrorCode::kUnsupported, std::string(where_) + ": the pattern \"" +
                                             printable(all_) + "\": " + problem + ".");
  }

 private:
  [[noreturn]] void refuse_next() const {
    refuse("\"" + printable(rest_.substr(0, 8)) + "\" at byte " +
           std::to_string(all_.size() - rest_.size()) + " is not read");
  }

  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  char32_t take_character() {
    const auto [c, length] = decode_utf8(rest_);
    rest_.remove_prefix(length);
    return c;
  }

  Term choice() {
    if (++nesting_ > kMostNesting) refuse("groups nested deeper than 64");
    Term all{Term::Kind::kChoice};
    do {
      all.parts.push_back(sequence());
    } while (take("|"));
    --nesting_;
    return all;
  }

  Term sequence() {
    Term all{Term::Kind::kSequence};
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      if (take("^")) {
        all.parts.push_back({Term::Kind::kStart});
      } else if (take("$")) {
        all.parts.push_back({Term::Kind::kEnd});
      } else {
        all.parts.push_back(repeated(atom()));
      }
    }
    return all;
  }

  Term atom() {
    if (take("(")) {
      const bool group = take("?:") || !rest_.starts_with("?");
      if (!group) refuse_next();
      Term inside = choice();
      if (!take(")")) refuse("a group without its end");
      return inside;
    }
    if (take("[")) return {Term::Kind::kClass, char_class()};
    if (take(".")) return {Term::Kind::kClass, all_but(kLineEnds)};
    if (take("\\")) return {Term::Kind::kClass, escape(false)};
    if (rest_[0] == '*' || rest_[0] == '+' || rest_[0] == '?' || rest_[0] == '{') refuse_next();
    const char32_t c = take_character();
    return {Term::Kind::kClass, {{c, c}}};
  }

  Term repeated(Term term) {
    size_t least = 1, most = 1;
    if (take("*")) {
      least = 0, most = ProgramBuilder::kUnbounded;
    } else if (take("+")) {
      most = ProgramBuilder::kUnbounded;
    } else if (take("?")) {
      least = 0;
    } else if (take("{")) {
      least = most = number();
      if (take(",")) most = rest_.starts_with("}") ? ProgramBuilder::kUnbounded : number();
      if (!take("}") || most < least) refuse("a repetition that is no {n}, {n,} or {n,m}");
    } else {
      return term;
    }
    take("?");  // which way is tried first does not change what is matched
    if (rest_.starts_with("*") || rest_.starts_with("+") || rest_.starts_with("{")) refuse_next();
    Term all{Term::Kind::kRepeat};
    all.parts.push_back(std::move(term));
    all.least = least;
    all.most = most;
    return all;
  }

  size_t number() {
    size_t value = 0, n = 0;
    for (; n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9' && value <= kMostRepeats; ++n) {
      value = value * 10 + static_cast<size_t>(rest_[n] - '0');
    }
    if (n == 0) refuse_next();
    if (value > kMostRepeats) refuse("over " + std::to_string(kMostRepeats) + " repetitions");
    rest_.remove_prefix(n);
    return value;
  }

  // Behind "[".
  Ranges char_class() {
    inverse_ = take("^");
    Ranges ranges;
    while (!take("]")) {
      if (rest_.empty()) refuse("a class without its end");
      const Ranges first = class_member();
      const bool single = first.size() == 1 && first[0].first == first[0].last;
      if (rest_.starts_with("-") && !rest_.starts_with("-]")) {
        take("-");
        if (rest_.empty()) refuse("a class without its end");
        const Ranges last = class_member();
        const bool both = single && last.size() == 1 && last[0].first == last[0].last;
        if (!both || last[0].first < first[0].first) refuse("a range of a class that is none");
        ranges.push_back({first[0].first, last[0].first});
      } else {
        ranges.insert(ranges.end(), first.begin(), first.end());
      }
    }
    return std::exchange(inverse_, false) ? all_but(ranges) : normal(ranges);
  }

  Ranges class_member() {
    if (take("\\")) return escape(true);
    const char32_t c = take_character();
    return {{c, c}};
  }

  // Behind a backslash.
  Ranges escape(bool in_class) {
    if (rest_.empty()) refuse("a backslash at the end");
    const char c = rest_[0];
    static constexpr std::string_view kControls = "tnvfr0";
    static constexpr std::string_view kMarks = "^$\\.*+?()[]{}|/-\"'#&%,:;<=>@!_`~ ";
    rest_.remove_prefix(1);
    if (const size_t i = kControls.find(c); i != std::string_view::npos) {
      const bool octal = c == '0' && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9';
      if (!octal) {
        const auto code = static_cast<char32_t>("\t\n\v\f\r"[i]);
        return {{code, code}};
      }
    }
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return all_but(kDigits);
      case 'w':
        return kWord;
      case 'W':
        return all_but(kWord);
      case 's':
        return inverse_ ? kAnySpaces : kSpaces;
      case 'S':
        return all_but(inverse_ ? kSpaces : kAnySpaces);
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      default:
        break;
    }
    const bool mark = kMarks.find(c) != std::string_view::npos;
    if (mark) return {{static_cast<char32_t>(c), static_cast<char32_t>(c)}};
    if (c == 'b' && in_class) return {{'\b', '\b'}};
    refuse("the escape \"\\" + printable(std::string_view(&c, 1)) + "\" is not read");
  }

  Ranges hex(size_t n) {
    char32_t code = 0;
    if (rest_.size() < n) refuse("an escape that is cut off");
    for (size_t i = 0; i < n; ++i) {
      const char c = rest_[i];
      const bool digit = c >= '0' && c <= '9';
      const char letter = static_cast<char>(c | 0x20);
      if (!digit && (letter < 'a' || letter > 'f')) refuse("an escape that is no hexadecimal code");
      code = code * 16 + static_cast<char32_t>(digit ? c - '0' : letter - 'a' + 10);
    }
    if (code >= 0xD800 && code <= 0xDFFF) refuse("half of a surrogate pair; write the character");
    rest_.remove_prefix(n);
    return {{code, code}};
  }

  const std::string_view all_;
  std::string_view rest_;
  const std::string_view where_;
  int nesting_ = 0;
  bool inverse_ = false;  // inside [^...]
};

namespace {

class TermBuilder {
 public:
  using OneOf = std::function<NodeId(const Ranges&, NodeId)>;
  TermBuilder(const PatternReader& reader, ProgramBuilder& builder, OneOf one_of)
      : reader_(reader), b_(builder), one_of_(std::move(one_of)) {}

  NodeId sequence(std::span<const Term> parts, NodeId next) {
    for (size_t i = parts.size(); i-- > 0;) next = term(parts[i], next);
    return next;
  }

 private:
  NodeId term(const Term& term, NodeId next) {
    if (++steps_ > kMostSteps) reader_.refuse("too large when its repetitions are written out");
    switch (term.kind) {
      case Term::Kind::kClass:
        return one_of_(term.ranges, next);
      case Term::Kind::kSequence:
        return sequence(term.parts, next);
      case Term::Kind::kChoice: {
        NodeId all = b_.kNever;
        for (const Term& part : term.parts) all = b_.either(all, this->term(part, next));
        return all;
      }
      case Term::Kind::kRepeat: {
        const auto body = [&](NodeId n) { return this->term(term.parts[0], n); };
        return b_.repeat(term.least, term.most, body, next);
      }
      default:
        reader_.refuse("^ and $ are read at the ends of the pattern and of its alternatives only");
    }
  }

  static constexpr size_t kMostSteps = 200'000;

  const PatternReader& reader_;
  ProgramBuilder& b_;
  const OneOf one_of_;
  size_t steps_ = 0;
};

}  // namespace

NodeId PatternRules::one_of(const Ranges& ranges, NodeId next) {
  std::vector<std::pair<char32_t, char32_t>> key;
  for (const CodeRange& range : ranges) key.emplace_back(range.first, range.last);
  const auto [it, is_new] = classes_.try_emplace(std::move(key), 0);
  if (is_new) it->second = b_.add_rule(json_.characters(ranges, b_.kEnd));
  return b_.call(it->second, next);
}

NodeId PatternRules::found(std::string_view pattern, std::string_view where, NodeId next) {
  PatternReader reader(pattern, where);
  const Term term = reader.read();
  const auto anything = [&](NodeId end) {
    return b_.star([&](NodeId n) { return one_of({{0, kLast}}, n); }, end);
  };
  TermBuilder build(reader, b_, [&](const Ranges& ranges, NodeId n) { return one_of(ranges, n); });
  NodeId all = b_.kNever;
  for (const Term& way : term.parts) {
    std::span<const Term> parts = way.parts;
    const bool from_start = !parts.empty() && parts.front().kind == Term::Kind::kStart;
    if (from_start) parts = parts.subspan(1);
    const bool to_end = !parts.empty() && parts.back().kind == Term::Kind::kEnd;
    if (to_end) parts = parts.first(parts.size() - 1);
    const NodeId begin = build.sequence(parts, to_end ? next : anything(next));
    all = b_.either(all, from_start ? begin : anything(begin));
  }
  return all;
}

}  // namespace heng::grammar
