// Filters over the items of lists, dicts and iterators.
#include <algorithm>
#include <array>

#include "text/jinja_builtins.h"
#include "text/jinja_operators.h"

namespace heng::text::jinja {
namespace {

using Items = std::vector<Value>;

Value once(Run& run, Items items) {
  return make_iterable(run, Iterable::Kind::kOnce, std::move(items));
}

Value pair_of(Run& run, const std::pair<Value, Value>& item) {
  return make_list(run, {item.first, item.second}, true);
}

// What Jinja compares strings by unless told to mind their case.
Value without_case(Run& run, const Value& value) {
  return value.is(Kind::kString) ? change_case(run, value.text(), Case::kLower) : value;
}

Value filter_join(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "join", {"d", "attribute"}, arguments);
  const Text between = given.find(0) ? to_text(run, *given.find(0)) : Text();
  Text out;
  bool first = true;
  for (const Value& item : items_of(run, value)) {
    run.charge_bytes(between.size());
    if (!first) out.append(between);
    first = false;
    out.append(to_text(run, given.find(1) ? attribute_path(run, item, *given.find(1)) : item));
  }
  return out;
}

Value filter_first(Run& run, const Value& value) {
  if (value.is(Kind::kIterable) && value.iterable().kind == Iterable::Kind::kOnce) {
    Iterable& all = value.iterable();
    if (all.taken == all.items.size()) return Value::undefined("first item of nothing");
    return all.items[all.taken++];
  }
  const Items items = items_of(run, value);
  return items.empty() ? Value::undefined("first item of nothing") : items.front();
}

// What reversed() takes: all but generators.
void need_reversible(Run& run, const Value& value) {
  if (value.is(Kind::kIterable) && value.iterable().kind == Iterable::Kind::kOnce) {
    run.fail("an iterator has no last item");
  }
}

Value filter_last(Run& run, const Value& value) {
  need_reversible(run, value);
  const Items items = items_of(run, value);
  return items.empty() ? Value::undefined("last item of nothing") : items.back();
}

Value filter_reverse(Run& run, const Value& value) {
  Items items = items_of(run, value);
  std::reverse(items.begin(), items.end());
  if (!value.is(Kind::kString)) return once(run, std::move(items));
  Text out;
  for (const Value& item : items) out.append(item.text());
  return out;
}

Value filter_items(Run& run, const Value& value) {
  if (value.is(Kind::kUndefined)) return once(run, {});
  if (!value.is(Kind::kDict)) run.fail("items: expected a dict, found " + type_name(value));
  Items items;
  for (const auto& item : value.dict().items) items.push_back(pair_of(run, item));
  return once(run, std::move(items));
}

// Stable, and sound whatever the order of the keys is.
void sort_by(Run& run, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? less(run, b.first, a.first) : less(run, a.first, b.first);
  });
}

Value sorted(Run& run, Items items, bool reverse, bool with_case, const Value* path) {
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& item : items) {
    Value key = path ? attribute_path(run, item, *path) : item;
    keyed.emplace_back(with_case ? key : without_case(run, key), std::move(item));
  }
  sort_by(run, keyed, reverse);
  Items out;
  for (auto& [key, item] : keyed) out.push_back(std::move(item));
  return make_list(run, std::move(out));
}

Value filter_sort(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "sort", {"reverse", "case_sensitive", "attribute"}, arguments);
  const Value* path = given.find(2);
  if (path && path->is(Kind::kString) && path->bytes().find(',') != std::string::npos) {
    run.refuse("sorting by several attributes");
  }
  return sorted(run, items_of(run, value), given.truth_or(0, false), given.truth_or(1, false),
                path);
}

Value filter_dictsort(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "dictsort", {"case_sensitive", "by", "reverse"}, arguments);
  const Text* by = given.text_or_none(1);
  if (by && by->bytes() != "key" && by->bytes() != "value") {
    run.fail("dictsort: by must be key or value");
  }
  if (!value.is(Kind::kDict)) run.fail("dictsort: expected a dict, found " + type_name(value));
  Items items;
  for (const auto& item : value.dict().items) items.push_back(pair_of(run, item));
  const Value place(int64_t{by && by->bytes() == "value"});
  return sorted(run, std::move(items), given.truth_or(2, false), given.truth_or(0, false), &place);
}

Value filter_unique(Run& run, const Value& value, const Arguments& arguments) {
  const Parameters given(run, "unique", {"case_sensitive", "attribute"}, arguments);
  Items seen, out;
  for (const Value& item : items_of(run, value)) {
    Value key = given.find(1) ? attribute_path(run, item, *given.find(1)) : item;
    if (!given.truth_or(0, false)) key = without_case(run, key);
    const auto same = [&](const Value& other) { return equal(run, key, other); };
    if (std::any_of(seen.begin(), seen.end(), same)) continue;
    seen.push_back(std::move(key));
    out.push_back(item);
  }
  return once(run, std::move(out));
}

Value filter_map(Run& run, const Value& value, const Arguments& arguments) {
  Items out;
  if (arguments.positional.empty()) {
    const Parameters given(run, "map", {"attribute", "default"}, arguments);
    for (const Value& item : items_of(run, value)) {
      Value found = attribute_path(run, item, given.need(0));
      const bool lacks = found.is(Kind::kUndefined) && given.find(1);
      out.push_back(lacks ? *given.find(1) : std::move(found));
    }
    return once(run, std::move(out));
  }
  if (!arguments.positional[0].is(Kind::kString)) run.fail("map: expected the name of a filter");
  const std::string name = arguments.positional[0].bytes();
  const Arguments rest{Items(arguments.positional.begin() + 1, arguments.positional.end()),
                       arguments.named};
  for (const Value& item : items_of(run, value)) out.push_back(call_filter(run, name, item, rest));
  return once(run, std::move(out));
}

// select, reject, selectattr, rejectattr: the test's name and arguments stand behind the attribute.
Value filter_select(Run& run, const std::string& name, const Value& value,
                    const Arguments& arguments) {
  const bool by_attribute = name.ends_with("attr");
  const bool wanted = name.starts_with("select");
  const Items& given = arguments.positional;
  const size_t test_at = by_attribute ? 1 : 0;
  if (given.size() < test_at) run.fail(name + ": needs the name of an attribute");
  const bool has_test = given.size() > test_at;
  if (has_test && !given[test_at].is(Kind::kString)) run.fail(name + ": expected a test's name");
  Arguments rest;
  if (has_test) rest = {Items(given.begin() + test_at + 1, given.end()), arguments.named};
  Items out;
  if (!is_true(value)) return once(run, {});
  for (const Value& item : items_of(run, value)) {
    const Value tested = by_attribute ? attribute_path(run, item, given[0]) : item;
    const bool passes =
        has_test ? call_test(run, given[test_at].bytes(), tested, rest) : is_true(tested);
    if (passes == wanted) out.push_back(item);
  }
  return once(run, std::move(out));
}

}  // namespace

Value attribute_path(Run& run, const Value& value, const Value& path) {
  if (!path.is(Kind::kString)) return item(run, value, path);
  Value at = value;
  for (const Text& part : split(path.text(), ".", -1)) {
    const std::string& name = part.bytes();
    const bool is_index = !name.empty() && name.size() < 10 &&
                          name.find_first_not_of("0123456789") == std::string::npos;
    at = item(run, at, is_index ? Value(int64_t{std::stoll(name)}) : Value(part));
  }
  return at;
}

bool call_sequence_filter(Run& run, const std::string& name, const Value& value,
                          const Arguments& arguments, Value& result) {
  if (name == "join") {
    result = filter_join(run, value, arguments);
  } else if (name == "sort") {
    result = filter_sort(run, value, arguments);
  } else if (name == "dictsort") {
    result = filter_dictsort(run, value, arguments);
  } else if (name == "unique") {
    result = filter_unique(run, value, arguments);
  } else if (name == "map") {
    result = filter_map(run, value, arguments);
  } else if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr") {
    result = filter_select(run, name, value, arguments);
  } else {
    using Filter = Value (*)(Run&, const Value&);
    static constexpr std::array<std::pair<std::string_view, Filter>, 7> kFilters = {{
        {"length", [](Run& r, const Value& v) { return Value(length_of(r, v)); }},
        {"count", [](Run& r, const Value& v) { return Value(length_of(r, v)); }},
        {"first", filter_first},
        {"last", filter_last},
        {"list", [](Run& r, const Value& v) { return make_list(r, items_of(r, v)); }},
        {"reverse", filter_reverse},
        {"items", filter_items},
    }};
    const auto found = std::find_if(kFilters.begin(), kFilters.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (found == kFilters.end()) return false;
    const Parameters none(run, name, {}, arguments);
    result = found->second(run, value);
  }
  return true;
}

}  // namespace heng::text::jinja
