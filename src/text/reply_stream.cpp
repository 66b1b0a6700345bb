// What of a reply is thought, what answer, and when of either can be shown. Source: the parsing in
// Qwen3's model card (the token </think> ends the thought), ChatGLM2's process_response.
#include <algorithm>

#include "heng/chat.h"

namespace heng {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";

// Length of the longest end of `text` that may become `whole`.
size_t start_length(std::string_view text, std::string_view whole) {
  size_t n = std::min(text.size(), whole.size() - 1);
  while (n > 0 && !whole.starts_with(text.substr(text.size() - n))) --n;
  return n;
}

}  // namespace

ReplyStream::ReplyStream(const ChatFormat& format, const Tokenizer& tokenizer)
    : format_(format), state_(format.thinks() ? State::kStart : State::kAnswer) {
  open_ = tokenizer.special_id(kOpen);
  close_ = tokenizer.special_id(kClose);
  if (!open_ || !close_) open_ = close_ = std::nullopt;
}

ReplyStream::Shown ReplyStream::push(TokenId id, std::string_view text) {
  Shown shown;
  const bool thought = thinking();
  if (open_) {
    take_id(id, text, shown);
  } else {
    take(text, shown);
  }
  thought_tokens_ += thought && thinking();  // without the tags
  return shown;
}

ReplyStream::Shown ReplyStream::finish() {
  Shown shown;
  if (state_ == State::kThought) {
    shown.thought = add(thought_, std::exchange(held_, {}), true);
  } else {
    shown.answer = add(answer_, std::exchange(held_, {}), true);
  }
  return shown;
}

// The tags are tokens: what only spells them is text.
void ReplyStream::take_id(TokenId id, std::string_view text, Shown& shown) {
  // Bytes of a broken character may come along in front of a tag.
  const auto before = [&](std::string_view tag) {
    return text.substr(0, text.size() - std::min(text.size(), tag.size()));
  };
  if (state_ == State::kStart && id == *open_) {
    state_ = State::kThought;
  } else if (state_ == State::kThought && id == *close_) {
    shown.thought = add(thought_, before(kClose), true);
    state_ = State::kAnswer;
  } else if (state_ == State::kThought) {
    shown.thought = add(thought_, text, false);
  } else {
    if (!strip(text).empty()) state_ = State::kAnswer;
    shown.answer = add(answer_, text, false);
  }
}

void ReplyStream::take(std::string_view text, Shown& shown) {
  held_ += text;
  if (state_ == State::kStart) {
    const std::string_view begun = strip(held_);
    if (begun.size() < kOpen.size() && kOpen.starts_with(begun)) return;
    state_ = begun.starts_with(kOpen) ? State::kThought : State::kAnswer;
    if (state_ == State::kThought) held_.erase(0, held_.find(kOpen) + kOpen.size());
  }
  if (state_ == State::kThought) {
    const size_t end = held_.find(kClose);
    const bool closed = end != std::string::npos;
    const size_t n = closed ? end : held_.size() - start_length(held_, kClose);
    shown.thought = add(thought_, std::string_view(held_).substr(0, n), closed);
    held_.erase(0, closed ? n + kClose.size() : n);
    if (!closed) return;
    state_ = State::kAnswer;
  }
  shown.answer = add(answer_, std::exchange(held_, {}), false);
}

// Returns what of `section` can be shown now.
std::string ReplyStream::add(Section& section, std::string_view text, bool is_last) const {
  std::string ready = std::exchange(section.held, {}).append(text);
  for (const auto& [from, to] : format_.replacements()) {
    for (size_t at = 0; (at = ready.find(from, at)) != std::string::npos; at += to.size()) {
      ready.replace(at, from.size(), to);
    }
  }
  if (section.text.empty()) {
    const std::string_view kept = strip(ready);
    ready.erase(0, kept.empty() ? ready.size() : static_cast<size_t>(kept.data() - ready.data()));
  }
  const size_t unsure = is_last ? 0 : unsure_bytes(ready);
  section.held = ready.substr(ready.size() - unsure);
  ready.resize(ready.size() - unsure);
  // The white space at the end: held until more follows, dropped where nothing does.
  const std::string_view kept = strip(ready);
  const size_t end =
      kept.empty() ? 0 : static_cast<size_t>(kept.data() - ready.data()) + kept.size();
  if (!is_last) section.held.insert(0, ready, end);
  ready.resize(end);
  section.text += ready;
  return ready;
}

size_t ReplyStream::unsure_bytes(std::string_view text) const {
  size_t most = 0;
  for (const auto& [from, to] : format_.replacements()) {
    most = std::max(most, start_length(text, from));
  }
  return most;
}

}  // namespace heng
