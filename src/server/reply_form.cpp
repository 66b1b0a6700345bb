#include "server/reply_form.h"

#include <algorithm>

#include "base/message.h"
#include "base/ordered_json.h"

namespace heng::server {
namespace {

using Choice = ToolUse::Choice;

constexpr size_t kMostTools = 512, kKept = 16;

// A member of the body as it was sent; REQUIRES: it is there.
std::string as_sent(std::string_view body, std::initializer_list<std::string_view> path) {
  const JsonLimits limits{.max_bytes = body.size(), .max_depth = 64, .advice = ""};
  const OrderedJson whole = parse_ordered_json(body, "the request's body", limits);
  const OrderedJson* place = &whole;
  for (const std::string_view key : path) place = place->find(key);
  return print_json(*place);
}

std::vector<Tool> tools_as_sent(const Fields& fields, const char* key, std::string_view body) {
  fields.objects(key, kMostTools);  // a list of objects
  try {
    return parse_tools(as_sent(body, {key}));
  } catch (const Error& error) {
    throw ApiError(400, error.what(), key, "invalid_value");
  }
}

// A named tool is one of those there are.
void choose(ToolUse& use, const Fields& fields, const char* key, std::string name) {
  const auto known = [&](const Tool& tool) { return tool.name == name; };
  if (std::none_of(use.tools.begin(), use.tools.end(), known)) {
    fields.fail(key, "no tool is named \"" + printable(name) + "\"");
  }
  use.choice = Choice::kRequired;
  use.named = std::move(name);
}

void read_choice(ToolUse& use, const Fields& fields, const char* key) {
  const Json* value = fields.find(key);
  if (!value) return;
  if (value->is_object()) {
    const Fields choice = *fields.object(key);
    if (use.is_older_api) return choose(use, fields, key, choice.need_string("name"));
    const auto function = choice.object("function");
    if (!function) choice.fail("function", "missing, expected an object");
    return choose(use, fields, key, function->need_string("name"));
  }
  const std::string word = *fields.string(key);
  if (word == "none") {
    use.choice = Choice::kNone;
  } else if (word == "required" && !use.is_older_api) {
    use.choice = Choice::kRequired;
  } else if (word != "auto") {
    fields.fail(key, "\"" + printable(word) + "\", expected none, auto" +
                         (use.is_older_api ? "" : ", required") + " or a tool by name");
  }
  if (use.choice == Choice::kRequired && use.tools.empty()) fields.fail(key, "there are no tools");
}

ToolUse read_tools(const Fields& fields, std::string_view body) {
  ToolUse use;
  if (fields.has("tools")) {
    use.tools = tools_as_sent(fields, "tools", body);
  } else if (fields.has("functions")) {
    use.tools = tools_as_sent(fields, "functions", body);
    use.is_older_api = true;
    use.several_calls = false;
  }
  if (!use.is_older_api) {
    use.several_calls = fields.boolean("parallel_tool_calls").value_or(true);
  }
  read_choice(use, fields, use.is_older_api ? "function_call" : "tool_choice");
  return use;
}

JsonForm read_response_format(const Fields& fields, std::string_view body) {
  const auto format = fields.object("response_format");
  if (!format) return {};
  const std::string type = format->need_string("type");
  if (type == "text") return {};
  if (type == "json_object") return {JsonForm::Kind::kObject, ""};
  if (type != "json_schema") {
    format->fail("type", "\"" + printable(type) + "\", expected text, json_object or json_schema");
  }
  const auto about = format->object("json_schema");
  if (!about) format->fail("json_schema", "missing, expected an object");
  if (!about->object("schema")) about->fail("schema", "missing, expected a JSON Schema");
  return {JsonForm::Kind::kSchema, as_sent(body, {"response_format", "json_schema", "schema"})};
}

ReplyForm checked(ReplyForm form, const Fields& fields, const char* key) {
  if (form.json.kind != JsonForm::Kind::kNone && form.tools.offers()) {
    fields.fail(key, "together with tools it is not supported: leave one of them out",
                "unsupported_parameter");
  }
  return form;
}

// What a form is made of, as one text.
std::string key_of(const ReplyForm& form, ToolSyntax syntax, const ConstraintOptions& options) {
  OrderedJson key{.kind = OrderedJson::Kind::kArray};
  const auto add = [&](std::string text) {
    key.items.push_back({.kind = OrderedJson::Kind::kString, .text = std::move(text)});
  };
  add(std::to_string(static_cast<int>(form.json.kind)) + std::to_string(options.thought) +
      std::to_string(options.several_calls) + std::to_string(static_cast<int>(syntax)));
  add(form.json.schema);
  add(form.tools.named);
  for (const Tool& tool : form.tools.tools) add(tool.json);
  return print_json(key);
}

}  // namespace

ReplyForm read_reply_form(const Fields& fields, std::string_view body) {
  return checked({read_tools(fields, body), read_response_format(fields, body)}, fields,
                 "response_format");
}

ReplyForm read_ollama_form(const Fields& fields, std::string_view body) {
  ReplyForm form;
  if (fields.has("tools")) form.tools.tools = tools_as_sent(fields, "tools", body);
  const Json* format = fields.find("format");
  if (format && format->is_object()) {
    form.json = {JsonForm::Kind::kSchema, as_sent(body, {"format"})};
  } else if (const auto word = fields.string("format"); word && !word->empty()) {
    if (*word != "json") fields.fail("format", "expected \"json\" or a JSON Schema");
    form.json.kind = JsonForm::Kind::kObject;
  }
  return checked(std::move(form), fields, "format");
}

std::shared_ptr<const Constraint> FormCompiler::compile(const ReplyForm& form, ToolSyntax syntax,
                                                        bool thought,
                                                        std::span<const TokenId> end_ids) {
  const bool must_call = form.tools.offers() && form.tools.choice == Choice::kRequired;
  if (form.json.kind == JsonForm::Kind::kNone && !must_call) return nullptr;
  const ConstraintOptions options{thought, form.tools.several_calls};
  const std::string key = key_of(form, syntax, options);
  const std::lock_guard lock(mutex_);
  if (!std::equal(end_ids.begin(), end_ids.end(), end_ids_.begin(), end_ids_.end()) || !compiler_) {
    recent_.clear();
    end_ids_.assign(end_ids.begin(), end_ids.end());
    compiler_.emplace(tokenizer_, end_ids_);
  }
  const auto known = std::find_if(recent_.begin(), recent_.end(),
                                  [&](const auto& item) { return item.first == key; });
  if (known != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, known);
  } else {
    recent_.emplace_front(key, make(form, syntax, options));
    if (recent_.size() > kKept) recent_.pop_back();
  }
  return recent_.front().second;
}

FormCompiler::Compiled FormCompiler::make(const ReplyForm& form, ToolSyntax syntax,
                                          const ConstraintOptions& options) const {
  const char* param = form.json.kind == JsonForm::Kind::kNone ? "tools" : "response_format";
  try {
    if (form.json.kind == JsonForm::Kind::kObject) return compiler_->json_object(options);
    if (form.json.kind == JsonForm::Kind::kSchema) {
      return compiler_->json_schema(form.json.schema, options);
    }
    std::vector<Tool> callable = form.tools.tools;
    if (!form.tools.named.empty()) {
      std::erase_if(callable, [&](const Tool& tool) { return tool.name != form.tools.named; });
    }
    return compiler_->tool_calls(syntax, callable, options);
  } catch (const Error& error) {
    throw ApiError(400, error.what(), param,
                   error.code() == ErrorCode::kUnsupported ? "unsupported_value" : "invalid_value");
  }
}

}  // namespace heng::server
