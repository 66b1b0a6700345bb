#include <algorithm>

#include "text/react.h"
#include "text/tool_parsers.h"

namespace heng {
namespace text {
namespace {

// The format without tools: all is text.
class PlainParser final : public ToolCallStream::Parser {
 public:
  void push(std::string_view text, ToolCallStream::Delta& out) override { out.text += text; }
  void finish(ToolCallStream::Delta&) override {}
};

class ReactParser final : public ToolCallStream::Parser {
 public:
  void push(std::string_view text, ToolCallStream::Delta& out) override {
    reply_ += text;
    show(reply_.size() - start_length(reply_, "\nObservation:"), out);
  }

  void finish(ToolCallStream::Delta& out) override {
    show(reply_.size(), out);
    if (!begun_) out.text += parse_react(reply_).text;
  }

 private:
  // Hands out what is sure of the first `n` bytes. Calls alone are: of two that come the first
  // counts, whatever follows.
  void show(size_t n, ToolCallStream::Delta& out) {
    const std::string_view reply = std::string_view(reply_).substr(0, n);
    const ReactCall call(reply);
    if (call.name.empty()) return;
    const std::string_view arguments = call.arguments(reply);
    ToolCallStream::Piece piece;
    if (!begun_) {
      out.text += call.thought(reply);
      piece.name = call.name;
    }
    piece.arguments = arguments.substr(std::min(shown_, arguments.size()));
    shown_ = std::max(shown_, arguments.size());
    if (!begun_ || !piece.arguments.empty()) out.pieces.push_back(std::move(piece));
    begun_ = true;
  }

  std::string reply_;
  bool begun_ = false;
  size_t shown_ = 0;  // bytes of the arguments
};

std::unique_ptr<ToolCallStream::Parser> make_parser(ToolSyntax syntax) {
  switch (syntax) {
    case ToolSyntax::kReact:
      return make_react_parser();
    case ToolSyntax::kHermes:
      return make_hermes_parser();
    case ToolSyntax::kNone:
      break;
  }
  return std::make_unique<PlainParser>();
}

}  // namespace

std::unique_ptr<ToolCallStream::Parser> make_react_parser() {
  return std::make_unique<ReactParser>();
}

size_t start_length(std::string_view text, std::string_view whole) {
  size_t n = std::min(text.size(), whole.size() - 1);
  while (n > 0 && !whole.starts_with(text.substr(text.size() - n))) --n;
  return n;
}

}  // namespace text

std::vector<std::string> tool_stop_texts(ToolSyntax syntax) {
  if (syntax == ToolSyntax::kReact) return {"Observation:"};
  return {};
}

ToolCallStream::ToolCallStream(ToolSyntax syntax) : parser_(text::make_parser(syntax)) {}
ToolCallStream::~ToolCallStream() = default;
ToolCallStream::ToolCallStream(ToolCallStream&&) noexcept = default;

ToolCallStream::Delta ToolCallStream::push(std::string_view text) {
  Delta delta;
  parser_->push(text, delta);
  return keep(std::move(delta));
}

ToolCallStream::Delta ToolCallStream::finish() {
  Delta delta;
  parser_->finish(delta);
  return keep(std::move(delta));
}

ToolCallStream::Delta ToolCallStream::keep(Delta delta) {
  text_ += delta.text;
  for (const Piece& piece : delta.pieces) {
    if (piece.index == calls_.size()) calls_.push_back({"", piece.name, ""});
    calls_[piece.index].arguments += piece.arguments;
  }
  return delta;
}

}  // namespace heng
