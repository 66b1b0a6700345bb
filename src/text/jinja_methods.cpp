// Methods of Python's str and dict that templates call.
#include <algorithm>
#include <array>

#include "text/jinja_builtins.h"

namespace heng::text::jinja {
namespace {

constexpr std::array<std::string_view, 16> kTextMethods = {
    "strip",      "lstrip",   "rstrip",       "split",       "rsplit", "splitlines",
    "startswith", "endswith", "replace",      "upper",       "lower",  "title",
    "capitalize", "join",     "removeprefix", "removesuffix"};
constexpr std::array<std::string_view, 4> kDictMethods = {"get", "items", "keys", "values"};

// Those that Python has besides. To take them for missing keys would give other text in silence.
constexpr std::array<std::string_view, 31> kOtherTextMethods = {
    "casefold",  "center",     "count",        "encode",     "expandtabs", "find",
    "format",    "format_map", "index",        "isalnum",    "isalpha",    "isascii",
    "isdecimal", "isdigit",    "isidentifier", "islower",    "isnumeric",  "isprintable",
    "isspace",   "istitle",    "isupper",      "ljust",      "maketrans",  "partition",
    "rfind",     "rindex",     "rjust",        "rpartition", "swapcase",   "translate",
    "zfill"};
constexpr std::array<std::string_view, 7> kOtherDictMethods = {
    "clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update"};
constexpr std::array<std::string_view, 11> kListMethods = {"append", "clear",   "copy",   "count",
                                                           "extend", "index",   "insert", "pop",
                                                           "remove", "reverse", "sort"};

template <size_t kSize>
bool has(const std::array<std::string_view, kSize>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value text_list(Run& run, std::vector<Text> parts) {
  std::vector<Value> items;
  run.charge(4 * parts.size());
  for (Text& part : parts) items.emplace_back(std::move(part));
  return make_list(run, std::move(items));
}

Value split_text(Run& run, const Text& text, const std::string& name, const Arguments& arguments) {
  const Parameters given(run, name, {"sep", "maxsplit"}, arguments);
  const Text* separator = given.text_or_none(0);
  const int64_t most = given.integer_or(1, -1);
  run.charge(text.size() / 4);
  const bool from_right = name == "rsplit" && most >= 0;
  if (from_right && !separator) run.refuse("rsplit at white space");
  if (!separator) return text_list(run, split_words(text, most));
  if (separator->empty()) run.fail(name + ": the separator is empty");
  std::vector<Text> parts = split(text, separator->bytes(), -1);
  if (!from_right) {
    return text_list(run, most < 0 ? std::move(parts) : split(text, separator->bytes(), most));
  }
  // The first pieces stay together.
  const size_t n_ends = std::min(static_cast<size_t>(most), parts.size() - 1);
  Text head = parts[0];
  for (size_t i = 1; i + n_ends < parts.size(); ++i) {
    head.append(*separator);
    head.append(parts[i]);
  }
  std::vector<Text> out = {std::move(head)};
  out.insert(out.end(), parts.end() - static_cast<std::ptrdiff_t>(n_ends), parts.end());
  return text_list(run, std::move(out));
}

bool has_affix(const Text& text, const Text& affix, bool at_start) {
  return at_start ? text.bytes().starts_with(affix.bytes()) : text.bytes().ends_with(affix.bytes());
}

// The argument may be a tuple of which one must fit.
bool has_one_affix(Run& run, const Text& text, const std::string& name,
                   const Arguments& arguments) {
  const Parameters given(run, name, {"prefix"}, arguments);
  const bool at_start = name == "startswith";
  run.charge_bytes(text.size());
  if (!given.need(0).is_tuple()) return has_affix(text, given.text(0), at_start);
  const auto& items = given.need(0).list().items;
  return std::any_of(items.begin(), items.end(), [&](const Value& item) {
    run.charge();
    if (!item.is(Kind::kString)) run.fail(name + ": expected a str, found " + type_name(item));
    return has_affix(text, item.text(), at_start);
  });
}

Value without_affix(Run& run, const Text& text, const std::string& name,
                    const Arguments& arguments) {
  const Parameters given(run, name, {"prefix"}, arguments);
  const Text& affix = given.text(0);
  run.charge_bytes(text.size());
  const bool prefix = name == "removeprefix";
  if (!has_affix(text, affix, prefix)) return text;
  return prefix ? text.slice(affix.size(), text.size()) : text.slice(0, text.size() - affix.size());
}

Value join_texts(Run& run, const Text& text, const Arguments& arguments) {
  const Parameters given(run, "join", {"iterable"}, arguments);
  for (const Value items = given.need(0); const Value& item : items_of(run, items)) {
    if (!item.is(Kind::kString)) run.fail("join: expected a str, found " + type_name(item));
    run.charge_bytes(text.size());
  }
  return call_filter(run, "join", given.need(0), {{text}, {}});
}

Value strip_text(Run& run, const Text& text, const std::string& name, const Arguments& arguments) {
  const Parameters given(run, name, {"chars"}, arguments);
  const Text* chars = given.text_or_none(0);
  run.charge_bytes(text.size());
  const Side side = name == "strip" ? Side::kBoth : name == "lstrip" ? Side::kLeft : Side::kRight;
  if (!chars) return strip(text, side, std::nullopt);
  run.charge_bytes(text.size() * chars->size());
  return strip(text, side, chars->bytes());
}

Value call_text_method(Run& run, const Text& text, const std::string& name,
                       const Arguments& arguments) {
  if (name.ends_with("strip")) return strip_text(run, text, name, arguments);
  if (name.ends_with("split")) return split_text(run, text, name, arguments);
  if (name == "startswith" || name == "endswith") {
    return has_one_affix(run, text, name, arguments);
  }
  if (name.starts_with("remove")) return without_affix(run, text, name, arguments);
  if (name == "join") return join_texts(run, text, arguments);
  if (name == "replace") {
    const Parameters given(run, name, {"old", "new", "count"}, arguments);
    given.text(0), given.text(1);
    return call_filter(run, name, text, arguments);
  }
  const Parameters none(run, name, {}, arguments);
  if (name == "splitlines") {
    run.charge(text.size());
    return text_list(run, split_lines(text));
  }
  const Case how = name == "upper"   ? Case::kUpper
                   : name == "lower" ? Case::kLower
                   : name == "title" ? Case::kTitle
                                     : Case::kCapitalized;
  return change_case(run, text, how);
}

Value call_dict_method(Run& run, const Dict& dict, const std::string& name,
                       const Arguments& arguments) {
  if (name == "get") {
    const Parameters given(run, name, {"key", "default"}, arguments);
    if (const Value* value = find_key(run, dict, given.need(0))) return *value;
    return given.find(1) ? *given.find(1) : Value(None());
  }
  const Parameters none(run, name, {}, arguments);
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    run.charge();
    if (name == "items") {
      items.push_back(make_list(run, {key, value}, true));
    } else {
      items.push_back(name == "keys" ? key : value);
    }
  }
  return make_iterable(run, Iterable::Kind::kView, std::move(items));
}

}  // namespace

bool is_method(Run& run, const Value& object, const std::string& name) {
  const bool text = object.is(Kind::kString), dict = object.is(Kind::kDict);
  if ((text && has(kOtherTextMethods, name)) || (dict && has(kOtherDictMethods, name)) ||
      (object.is(Kind::kList) && has(kListMethods, name))) {
    run.refuse("the method \"" + name + "\" of a " + type_name(object));
  }
  return (text && has(kTextMethods, name)) || (dict && has(kDictMethods, name));
}

Value call_method(Run& run, const Value& object, const std::string& name,
                  const Arguments& arguments) {
  run.charge();
  if (object.is(Kind::kString)) return call_text_method(run, object.text(), name, arguments);
  if (object.is(Kind::kDict)) return call_dict_method(run, object.dict(), name, arguments);
  // loop.cycle
  const Loop& loop = object.loop();
  if (arguments.positional.empty()) run.fail("loop.cycle: no items for cycling given");
  return arguments.positional[loop.index % arguments.positional.size()];
}

}  // namespace heng::text::jinja
