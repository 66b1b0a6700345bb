#include "server/openai_requests.h"

#include "base/message.h"
#include "server/chat_messages.h"

namespace heng::server {
namespace {

constexpr size_t kMostPrompts = 1'024;
constexpr int64_t kMostChoices = 128, kMostLogprobs = 100;

// Fields that would change the reply and are not understood are refused, not passed over.
void refuse_unsupported(const Fields& fields) {
  for (const char* key : {"audio", "modalities"}) {
    const Json* value = fields.find(key);
    if (!value || *value == Json::array({"text"})) continue;
    fields.fail(key, "only text is supported", "unsupported_parameter");
  }
}

StreamOptions read_streaming(const Fields& fields) {
  StreamOptions options;
  options.stream = fields.boolean("stream").value_or(false);
  if (const auto more = fields.object("stream_options")) {
    options.include_usage = more->boolean("include_usage").value_or(false);
  }
  return options;
}

std::optional<bool> read_think(const Fields& fields) {
  if (const auto more = fields.object("chat_template_kwargs")) {
    if (const auto think = more->boolean("enable_thinking")) return think;
  }
  return fields.boolean("enable_thinking");
}

TokenId token_of(const Fields& fields, const Json& value, const std::string& place) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > INT32_MAX ||
      (value.is_number_unsigned() && value.get<uint64_t>() > INT32_MAX)) {
    fields.fail(place, "expected a token id, found " +
                           (value.is_structured() ? value.type_name() : value.dump()));
  }
  return value.get<TokenId>();
}

std::vector<TokenId> ids_of(const Fields& fields, const Json& list, const std::string& place) {
  std::vector<TokenId> ids;
  ids.reserve(list.size());
  for (const Json& item : list) {
    ids.push_back(token_of(fields, item, place + "[" + std::to_string(ids.size()) + "]"));
  }
  return ids;
}

// A text, texts, ids, or lists of ids.
std::vector<TextOrIds> read_texts(const Fields& fields, const std::string& key) {
  const Json* value = fields.find(key);
  if (!value) {
    fields.fail(key, "missing, expected a string, token ids or a list of either",
                "missing_required_parameter");
  }
  if (value->is_string()) return {{value->get<std::string>(), std::nullopt}};
  if (!value->is_array() || value->empty()) {
    fields.fail(key, "expected a string, token ids or a list of either", "invalid_type");
  }
  if (value->front().is_number()) return {{"", ids_of(fields, *value, key)}};
  if (value->size() > kMostPrompts) {
    fields.fail(key, std::to_string(value->size()) + " items, expected at most " +
                         std::to_string(kMostPrompts));
  }
  std::vector<TextOrIds> all;
  for (const Json& item : *value) {
    const std::string place = key + "[" + std::to_string(all.size()) + "]";
    if (item.is_string()) {
      all.push_back({item.get<std::string>(), std::nullopt});
    } else if (item.is_array()) {
      all.push_back({"", ids_of(fields, item, place)});
    } else {
      fields.fail(place, "expected a string or token ids", "invalid_type");
    }
  }
  return all;
}

SpecialText read_special(const Fields& fields) {
  return fields.boolean("parse_special").value_or(false) ? SpecialText::kParse
                                                         : SpecialText::kPlain;
}

std::string read_model(const Fields& fields) {
  return fields.string("model").value_or("");
}

}  // namespace

ChatCall read_chat_call(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  refuse_unsupported(fields);
  ChatCall call;
  call.model = read_model(fields);
  call.messages = read_messages(fields);
  call.form = read_reply_form(fields, body);
  call.sampling = read_sampling(fields);
  call.n = static_cast<size_t>(fields.integer("n", 1, kMostChoices).value_or(1));
  const auto top = fields.integer("top_logprobs", 0, kMostLogprobs);
  if (fields.boolean("logprobs").value_or(false)) {
    call.logprobs = static_cast<size_t>(top.value_or(0));
  } else if (top && *top > 0) {
    fields.fail("top_logprobs", "needs logprobs: true");
  }
  call.streaming = read_streaming(fields);
  call.think = read_think(fields);
  return call;
}

CompletionCall read_completion_call(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  if (fields.has("suffix") && fields.string("suffix") != "") {
    fields.fail("suffix", "not supported", "unsupported_parameter");
  }
  CompletionCall call;
  call.model = read_model(fields);
  call.prompts = read_texts(fields, "prompt");
  call.sampling = read_sampling(fields);
  call.n = static_cast<size_t>(fields.integer("n", 1, kMostChoices).value_or(1));
  const int64_t best_of = fields.integer("best_of", 1, kMostChoices).value_or(1);
  if (best_of > static_cast<int64_t>(call.n)) {
    fields.fail("best_of", "more than n is not supported", "unsupported_parameter");
  }
  if (call.prompts.size() * call.n > kMostPrompts) {
    fields.fail("n", "prompts times n is " + std::to_string(call.prompts.size() * call.n) +
                         ", expected at most " + std::to_string(kMostPrompts));
  }
  if (const auto top = fields.integer("logprobs", 0, kMostLogprobs)) {
    call.logprobs = static_cast<size_t>(*top);
  }
  call.echo = fields.boolean("echo").value_or(false);
  if (call.sampling.max_tokens == 0 && !call.echo) {
    fields.fail("max_tokens", "0 tokens are nothing to reply with; with echo they are");
  }
  call.special = read_special(fields);
  call.streaming = read_streaming(fields);
  if (call.echo && call.logprobs && call.streaming.stream) {
    fields.fail("echo", "with logprobs it is known at the end only: leave stream out",
                "unsupported_parameter");
  }
  return call;
}

EmbeddingCall read_embedding_call(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  EmbeddingCall call;
  call.model = read_model(fields);
  call.inputs = read_texts(fields, "input");
  const std::string format = fields.string("encoding_format").value_or("float");
  if (format != "float" && format != "base64") {
    fields.fail("encoding_format", "\"" + printable(format) + "\", expected float or base64");
  }
  call.base64 = format == "base64";
  if (const auto n = fields.integer("dimensions", 1, 1 << 24)) {
    call.dimensions = static_cast<size_t>(*n);
  }
  return call;
}

TokenizeCall read_tokenize_call(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  TokenizeCall call;
  call.model = read_model(fields);
  if (fields.has("messages")) {
    call.messages = read_messages(fields);
  } else {
    call.text = fields.need_string(fields.has("content") ? "content" : "prompt");
  }
  call.add_special_tokens = fields.boolean("add_special_tokens").value_or(true);
  call.special = read_special(fields);
  return call;
}

DetokenizeCall read_detokenize_call(std::string_view body) {
  const Json json = parse_body(body);
  const Fields fields(json);
  const Json* list = fields.find("tokens");
  if (!list) fields.fail("tokens", "missing, expected token ids", "missing_required_parameter");
  if (!list->is_array()) fields.fail("tokens", "expected token ids", "invalid_type");
  return {read_model(fields), ids_of(fields, *list, "tokens")};
}

}  // namespace heng::server
