#include "engine/stop_rules.h"

#include <algorithm>

namespace heng::engine {

size_t reply_limit(const GenerationConfig& config, size_t prompt_tokens) {
  const auto most_new = static_cast<size_t>(config.max_new_tokens);
  if (!config.max_length) return most_new;
  const auto most = static_cast<size_t>(*config.max_length);
  if (most <= prompt_tokens) {
    throw Error(ErrorCode::kInvalidArgument,
                "max_length " + std::to_string(most) + " leaves no room after a prompt of " +
                    std::to_string(prompt_tokens) +
                    " tokens. Raise max_length or shorten the prompt.");
  }
  return std::min(most_new, most - prompt_tokens);
}

size_t least_reply(const GenerationConfig& config, size_t prompt_tokens) {
  const auto least_new = static_cast<size_t>(config.min_new_tokens);
  const auto least = static_cast<size_t>(config.min_length.value_or(0));
  return std::max(least_new, least > prompt_tokens ? least - prompt_tokens : 0);
}

Reply::Reply(const GenerationConfig& config, const Tokenizer& tokenizer, const OnToken& on_token)
    : config_(config), tokenizer_(tokenizer), on_token_(on_token) {}

Reply::State Reply::add(TokenId id, std::optional<Logprobs> logprobs) {
  const auto& ends = config_.eos_ids;
  if (!config_.ignore_eos && std::find(ends.begin(), ends.end(), id) != ends.end()) {
    return finish();
  }
  Utf8Stream before = characters_;
  // A model may have more rows than its tokenizer has tokens: those spell nothing.
  const bool known = id >= 0 && static_cast<size_t>(id) < tokenizer_.size();
  std::string_view bytes = known ? tokenizer_.token_bytes(id) : std::string_view();
  if (!begun_ && tokenizer_.drops_first_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  begun_ = begun_ || known;
  std::string text = characters_.push(bytes);
  held_.push_back({id, std::move(text), std::move(before), std::move(logprobs)});

  if (const size_t n = stop_word_length()) {
    characters_ = held_[held_.size() - n].before;
    held_.resize(held_.size() - n);
    return finish();
  }
  std::string held_text;
  for (const Held& held : held_) held_text += held.text;
  if (const size_t at = stop_text_at(held_text); at != std::string::npos) return cut_text(at);
  return pass_on(sure_tokens(held_text));
}

Reply::State Reply::finish() {
  // A token whose character is unfinished is always held, so the rest has a token to go with.
  const std::string rest = characters_.flush();
  if (!rest.empty()) held_.back().text += rest;
  const State state = pass_on(held_.size());
  return state == State::kGoing ? State::kStopped : state;
}

size_t Reply::stop_word_length() const {
  for (const auto& word : config_.stop_word_ids) {
    const auto same = [](TokenId wanted, const Held& held) { return wanted == held.id; };
    if (word.size() <= held_.size() &&
        std::equal(word.begin(), word.end(), held_.end() - word.size(), same)) {
      return word.size();
    }
  }
  return 0;
}

size_t Reply::stop_word_start_length() const {
  size_t longest = 0;
  for (const auto& word : config_.stop_word_ids) {
    for (size_t n = std::min(word.size() - 1, held_.size()); n > longest; --n) {
      const auto same = [](const Held& held, TokenId wanted) { return held.id == wanted; };
      if (std::equal(held_.end() - n, held_.end(), word.begin(), same)) longest = n;
    }
  }
  return longest;
}

size_t Reply::stop_text_at(const std::string& text) const {
  size_t first = std::string::npos;
  for (const std::string& stop : config_.stop) first = std::min(first, text.find(stop));
  return first;
}

size_t Reply::stop_text_start_length(const std::string& text) const {
  size_t longest = 0;
  for (const std::string& stop : config_.stop) {
    for (size_t n = std::min(stop.size() - 1, text.size()); n > longest; --n) {
      if (text.compare(text.size() - n, n, stop, 0, n) == 0) longest = n;
    }
  }
  return longest;
}

bool Reply::unfinished_character() const {
  Utf8Stream copy = characters_;
  return !copy.flush().empty();
}

// How many of the held tokens cannot be part of a stop any more.
size_t Reply::sure_tokens(const std::string& held_text) const {
  const size_t sure_text = held_text.size() - stop_text_start_length(held_text);
  size_t sure = held_.size() - std::max(stop_word_start_length(), size_t{unfinished_character()});
  size_t text_end = 0;
  for (size_t i = 0; i < sure; ++i) {
    text_end += held_[i].text.size();
    if (text_end > sure_text) return i;
  }
  return sure;
}

Reply::State Reply::pass_on(size_t n_tokens) {
  State state = State::kGoing;
  size_t passed = 0;
  while (passed < n_tokens && state == State::kGoing) {
    Held& held = held_[passed++];
    ids_.push_back(held.id);
    text_ += held.text;
    if (held.logprobs) logprobs_.push_back(std::move(*held.logprobs));
    const Logprobs* logprobs = held.logprobs ? &logprobs_.back() : nullptr;
    if (on_token_ && !on_token_({held.id, held.text, logprobs})) state = State::kCancelled;
  }
  held_.erase(held_.begin(), held_.begin() + passed);
  return state;
}

// Ends the reply before byte `at` of the held text: tokens that begin there or later are no part of
// it.
Reply::State Reply::cut_text(size_t at) {
  size_t kept = 0;
  for (size_t start = 0; kept < held_.size() && start < at; ++kept) {
    std::string& text = held_[kept].text;
    if (start + text.size() > at) text.resize(at - start);
    start += text.size();
  }
  held_.resize(kept);
  const State state = pass_on(kept);
  return state == State::kGoing ? State::kStopped : state;
}

}  // namespace heng::engine
