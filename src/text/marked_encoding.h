// Ids of a rendered prompt in which only the template's own text may become special tokens. Pure
// function; safe from any thread.
#pragma once

#include <vector>

#include "heng/tokenizer.h"
#include "text/jinja_text.h"

namespace heng::text {

// As upstream's tokenizer reads the whole text, special tokens parsed, unless a message spells a
// special token: then the text is cut at those of the template alone and what lies between is
// plain.
std::vector<TokenId> encode_marked(const Tokenizer& tokenizer, const jinja::Text& text);

// The token whose name `text` begins with where the template wrote it, from byte `at` on; nullopt
// where there is none.
std::optional<TokenId> named_token_at(const Tokenizer& tokenizer, const jinja::Text& text,
                                      size_t at);

}  // namespace heng::text
