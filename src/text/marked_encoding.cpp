#include "text/marked_encoding.h"

#include <array>
#include <cstdint>

#include "text/special_names.h"

namespace heng::text {
namespace {

// A special token's name in a text.
struct Place {
  size_t at, length;
  TokenId id;

  bool operator==(const Place&) const = default;
};

class MarkedText {
 public:
  MarkedText(const Tokenizer& tokenizer, const jinja::Text& text)
      : tokenizer_(tokenizer), text_(text), names_(names_in(text.bytes())) {}

  // In the bytes [begin, end).
  std::vector<Place> places(size_t begin, size_t end) const {
    std::vector<Place> found;
    size_t at = begin;
    names_.partition(
        std::string_view(text_.bytes()).substr(begin, end - begin),
        [&](std::string_view plain) { at += plain.size(); },
        [&](TokenId id) {
          const size_t length = tokenizer_.token_bytes(id).size();
          found.push_back({at, length, id});
          at += length;
        });
    return found;
  }

  // Where what the template or a message wrote in one piece from `at` on ends.
  size_t end_of_run(size_t at) const {
    size_t end = at;
    while (end < text_.size() && text_.is_from_message(end) == text_.is_from_message(at)) ++end;
    return end;
  }

  // Of the template's own names.
  std::vector<Place> own_places() const {
    std::vector<Place> found;
    for (size_t at = 0; at < text_.size(); at = end_of_run(at)) {
      if (text_.is_from_message(at)) continue;
      const std::vector<Place> run = places(at, end_of_run(at));
      found.insert(found.end(), run.begin(), run.end());
    }
    return found;
  }

  bool is_name(TokenId id) const {
    const std::string_view bytes = tokenizer_.token_bytes(id);
    return !bytes.empty() && tokenizer_.special_id(bytes) == id;
  }

 private:
  // Those of the tokenizer that can occur.
  SpecialNames names_in(std::string_view text) const {
    std::array<bool, 256> occurs{};
    for (const char c : text) occurs[static_cast<uint8_t>(c)] = true;
    std::vector<SpecialNames::Entry> entries;
    for (TokenId id = 0; static_cast<size_t>(id) < tokenizer_.size(); ++id) {
      const std::string_view bytes = tokenizer_.token_bytes(id);
      const bool may_occur = !bytes.empty() && occurs[static_cast<uint8_t>(bytes[0])];
      if (may_occur && is_name(id)) entries.push_back({std::string(bytes), id});
    }
    return SpecialNames(std::move(entries));
  }

  const Tokenizer& tokenizer_;
  const jinja::Text& text_;
  const SpecialNames names_;
};

}  // namespace

std::vector<TokenId> encode_marked(const Tokenizer& tokenizer, const jinja::Text& text) {
  const MarkedText marked(tokenizer, text);
  const std::vector<Place> own = marked.own_places();
  std::vector<TokenId> wanted;
  for (const Place& place : own) wanted.push_back(place.id);
  if (own == marked.places(0, text.size())) {
    std::vector<TokenId> ids = tokenizer.encode(text.bytes(), SpecialText::kParse);
    std::vector<TokenId> parsed;
    for (const TokenId id : ids) {
      if (marked.is_name(id)) parsed.push_back(id);
    }
    // SentencePiece's own library parses no names.
    if (parsed == wanted) return ids;
  }
  std::vector<TokenId> ids;
  size_t at = 0;
  const auto plain = [&](size_t end) {
    if (at == end) return;
    const auto section = tokenizer.encode(std::string_view(text.bytes()).substr(at, end - at));
    ids.insert(ids.end(), section.begin(), section.end());
  };
  for (const Place& place : own) {
    plain(place.at);
    ids.push_back(place.id);
    at = place.at + place.length;
  }
  plain(text.size());
  return ids;
}

std::optional<TokenId> named_token_at(const Tokenizer& tokenizer, const jinja::Text& text,
                                      size_t at) {
  if (at >= text.size() || text.is_from_message(at)) return std::nullopt;
  const MarkedText marked(tokenizer, text);
  const std::vector<Place> places = marked.places(at, marked.end_of_run(at));
  if (places.empty() || places[0].at != at) return std::nullopt;
  return places[0].id;
}

}  // namespace heng::text
