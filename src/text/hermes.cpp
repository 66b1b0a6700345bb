// Replies with <tool_call> blocks, read byte by byte: a block is an object with the members "name"
// and "arguments", in either order, and the arguments are an object. Source: the chat_template of
// Qwen2.5 and Qwen3, which ask for this form.
#include <nlohmann/json.hpp>
#include <optional>

#include "text/tool_parsers.h"

namespace heng::text {
namespace {

constexpr std::string_view kOpen = "<tool_call>";
constexpr std::string_view kClose = "</tool_call>";

bool is_json_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// One value of JSON as it comes: finds its end, by brackets and quotes alone.
class ValueScanner {
 public:
  // Whether the value ends with `c`.
  bool ends_with(char c) {
    if (in_string_) {
      if (!escaped_ && c == '"') in_string_ = false;
      escaped_ = !escaped_ && c == '\\';
      return !in_string_ && depth_ == 0;
    }
    if (c == '"') in_string_ = true;
    depth_ += (c == '{' || c == '[') - (c == '}' || c == ']');
    return depth_ == 0 && !in_string_;
  }

 private:
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

// The text of a JSON string; nullopt where it is none.
std::optional<std::string> string_value(const std::string& json) {
  const auto value = nlohmann::json::parse(json, nullptr, false);
  return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

class HermesParser final : public ToolCallStream::Parser {
 public:
  void push(std::string_view text, ToolCallStream::Delta& out) override {
    queue_.assign(text.rbegin(), text.rend());
    while (!queue_.empty()) {
      const char c = queue_.back();
      queue_.pop_back();
      take(c, out);
    }
  }

  void finish(ToolCallStream::Delta& out) override {
    if (!begun_) {
      for (const char c : std::exchange(raw_, {})) put(c, out);
    }
    if (n_calls_ == 0) out.text += spaces_;
  }

 private:
  enum class State {
    kText,
    kObject,   // expects {
    kKey,      // expects the quote of a key
    kInKey,    // behind it
    kColon,    // expects :
    kValue,    // expects the first byte of a value
    kInValue,  // behind it
    kBehind,   // expects , or }
    kClose,    // expects </tool_call>
  };

  void take(char c, ToolCallStream::Delta& out) {
    if (state_ == State::kClose && raw_.empty() && is_json_space(c)) return;
    raw_ += c;
    if (state_ == State::kText) return take_text(out);
    if (state_ == State::kInKey || state_ == State::kInValue) return take_inside(c, out);
    if (state_ == State::kClose) return take_close(out);
    if (!is_json_space(c)) take_mark(c, out);
  }

  void put(char c, ToolCallStream::Delta& out) {
    if (is_json_space(c)) {
      spaces_ += c;
    } else {
      out.text += std::exchange(spaces_, {}) + c;
    }
  }

  void take_text(ToolCallStream::Delta& out) {
    while (!kOpen.starts_with(raw_)) {
      put(raw_.front(), out);
      raw_.erase(0, 1);
    }
    if (raw_ != kOpen) return;
    state_ = State::kObject;
    name_.reset();
    arguments_.reset();
  }

  // A byte between keys and values.
  void take_mark(char c, ToolCallStream::Delta& out) {
    switch (state_) {
      case State::kObject:
        return go_if(c == '{', State::kKey, out);
      case State::kKey:
        begin_part(c);
        return go_if(c == '"', State::kInKey, out);
      case State::kColon:
        return go_if(c == ':', State::kValue, out);
      case State::kValue:
        begin_part(c);
        go_if(c == (key_ == "name" ? '"' : '{'), State::kInValue, out);
        if (state_ == State::kInValue && key_ == "arguments" && name_) begin_call(part_, out);
        return;
      default:
        if (c == '}') return end_object(out);
        return go_if(c == ',', State::kKey, out);
    }
  }

  void begin_part(char c) {
    part_ = c;
    scanner_ = {};
    scanner_.ends_with(c);
  }

  void take_inside(char c, ToolCallStream::Delta& out) {
    part_ += c;
    if (begun_ && state_ == State::kInValue) {
      add_arguments(c, out);
      raw_.clear();
    }
    if (!scanner_.ends_with(c)) return;
    if (state_ == State::kInKey) return end_key(out);
    state_ = State::kBehind;
    if (key_ == "arguments") {
      arguments_ = part_;
      return;
    }
    name_ = string_value(part_);
    if (!name_ || name_->empty()) return fail(out);
    if (arguments_) begin_call(*arguments_, out);
  }

  void end_key(ToolCallStream::Delta& out) {
    key_ = string_value(part_).value_or("");
    const bool expected = (key_ == "name" && !name_) || (key_ == "arguments" && !arguments_);
    go_if(expected, State::kColon, out);
  }

  void end_object(ToolCallStream::Delta& out) {
    if (!name_) return fail(out);
    if (!begun_) begin_call("{}", out);
    raw_.clear();
    state_ = State::kClose;
  }

  void take_close(ToolCallStream::Delta& out) {
    if (!kClose.starts_with(raw_)) return fail(out);
    if (raw_ != kClose) return;
    raw_.clear();
    begun_ = false;
    state_ = State::kText;
  }

  void begin_call(const std::string& arguments, ToolCallStream::Delta& out) {
    begun_ = true;
    raw_.clear();
    spaces_.clear();  // between text and call they belong to the format
    out.pieces.push_back({n_calls_++, *name_, arguments});
  }

  void add_arguments(char c, ToolCallStream::Delta& out) {
    const size_t index = n_calls_ - 1;
    if (out.pieces.empty() || out.pieces.back().index != index) {
      out.pieces.push_back({index, "", ""});
    }
    out.pieces.back().arguments += c;
  }

  void go_if(bool expected, State state, ToolCallStream::Delta& out) {
    if (!expected) return fail(out);
    state_ = state;
  }

  // What came is no call, or no more of one: it is read again as text.
  void fail(ToolCallStream::Delta& out) {
    if (!begun_) {
      for (const char c : kOpen) put(c, out);
      raw_.erase(0, kOpen.size());
    }
    queue_.append(raw_.rbegin(), raw_.rend());
    raw_.clear();
    begun_ = false;
    state_ = State::kText;
  }

  State state_ = State::kText;
  std::string queue_;   // to be read, the last byte first
  std::string raw_;     // read, but not handed out
  std::string spaces_;  // of the text, held back: in front of a call they are no part of it
  std::string part_, key_;
  ValueScanner scanner_;
  std::optional<std::string> name_, arguments_;
  bool begun_ = false;  // the call of this block was handed out
  size_t n_calls_ = 0;
};

}  // namespace

std::unique_ptr<ToolCallStream::Parser> make_hermes_parser() {
  return std::make_unique<HermesParser>();
}

}  // namespace heng::text
