// Tools as requests describe them. Source of the older names: parse_messages in Qwen's
// openai_api.py.
#include "base/message.h"
#include "base/ordered_json.h"
#include "heng/error.h"
#include "heng/tools.h"

namespace heng {
namespace {

using Kind = OrderedJson::Kind;

constexpr JsonLimits kLimits{.max_bytes = 4u << 20, .max_depth = 64};

[[noreturn]] void refuse(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kInvalidArgument, path + ": " + problem + ".");
}

// The first of `keys` that is there; an explicit null prints as Python's None.
std::string text_of(const OrderedJson& function, const std::string& path,
                    std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    const OrderedJson* value = function.find(key);
    if (!value) continue;
    if (value->is(Kind::kNull)) return "None";
    if (value->is(Kind::kString)) return value->text;
    refuse(path + "." + std::string(key),
           "expected a string, found " + std::string(kind_name(value->kind)));
  }
  return "";
}

Tool read_function(const OrderedJson& function, const std::string& path) {
  if (!function.is(Kind::kObject)) {
    refuse(path, "expected an object, found " + std::string(kind_name(function.kind)));
  }
  Tool tool{.name = text_of(function, path, {"name_for_model", "name"}),
            .description = text_of(function, path, {"description_for_model", "description"}),
            .parameters = "",
            .human_name = text_of(function, path, {"name_for_human", "name"}),
            .json = R"({"type": "function", "function": )" + print_json(function) + "}"};
  if (const OrderedJson* parameters = function.find("parameters")) {
    tool.parameters = print_json(*parameters);
  }
  return tool;
}

// {"type": "function", "function": {...}}, or only what is inside.
Tool read_tool(const OrderedJson& item, const std::string& path) {
  const OrderedJson* function = item.find("function");
  if (!function) {
    const OrderedJson* type = item.find("type");
    if (type && type->is(Kind::kString)) {
      refuse(path, "a tool of type \"" + printable(type->text) + "\" without \"function\"");
    }
    return read_function(item, path);
  }
  const OrderedJson* type = item.find("type");
  if (!type || !type->is(Kind::kString) || type->text != "function") {
    refuse(path + ".type", "expected \"function\", the only type of tool that is known");
  }
  Tool tool = read_function(*function, path + ".function");
  if (tool.name.empty()) refuse(path + ".function.name", "missing, expected the tool's name");
  tool.json = print_json(item);
  return tool;
}

}  // namespace

std::vector<Tool> parse_tools(std::string_view json) {
  const OrderedJson list = parse_ordered_json(json, "tools", kLimits);
  if (!list.is(Kind::kArray)) {
    refuse("tools", "expected a list, found " + std::string(kind_name(list.kind)));
  }
  std::vector<Tool> tools;
  for (const OrderedJson& item : list.items) {
    tools.push_back(read_tool(item, "tools[" + std::to_string(tools.size()) + "]"));
  }
  return tools;
}

}  // namespace heng
