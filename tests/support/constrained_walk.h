// Replies drawn under a constraint with random scores: what a model of no knowledge writes.
#pragma once

#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "heng/constraint.h"
#include "support/list_tokenizer.h"

namespace heng::test {

inline ListTokenizer json_tokenizer() {
  return ListTokenizer({"{\"",          "\":",      "\": ",   "\", \"", "\"}", "},",  "}}",
                        "]}",           "true",     "false",  "null",   "10",  "-1",  "0.5",
                        "e+",           "\n  ",     "\n",     "[]",     "{}",  "[[",  "]]",
                        "name",         "ab",       "abc",    "  ",     "\\u", "\\n", "\xE4\xBD",
                        "\xE4\xBD\xA0", "\x98\x80", "2024-0", "a\":",   ", ",  "[\"", " {"});
}

// Tokens whose scores are not -infinity.
inline std::vector<TokenId> allowed_after(ConstrainedReply& reply, const Tokenizer& tokenizer,
                                          const std::vector<TokenId>& ids, size_t extra_rows = 0) {
  std::vector<float> logits(tokenizer.size() + extra_rows, 1.0f);
  reply(logits, ids);
  std::vector<TokenId> allowed;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!std::isinf(logits[i])) allowed.push_back(static_cast<TokenId>(i));
  }
  return allowed;
}

// Draws until the end token comes. Behind `patience` tokens what closes is preferred, and the token
// `way_out`.
inline std::vector<TokenId> random_walk(const std::shared_ptr<const Constraint>& constraint,
                                        const ListTokenizer& tokenizer, std::mt19937& random,
                                        size_t patience = 60, const char* way_out = "<end>") {
  ConstrainedReply reply(constraint);
  std::vector<TokenId> ids;
  while (ids.size() < 20'000) {
    const std::vector<TokenId> allowed = allowed_after(reply, tokenizer, ids);
    if (allowed.empty()) throw std::runtime_error("no token is left");
    TokenId chosen = allowed[random() % allowed.size()];
    const bool closes = ids.size() > patience || random() % 3 == 0;
    if (closes) {
      std::vector<TokenId> closing, ascii;
      for (const char* want : {"<end>", way_out, "\"", "}", "]", ",", ":", "b", "0", "9"}) {
        for (const TokenId id : allowed) {
          if (tokenizer.token_bytes(id) == want) closing.push_back(id);
        }
      }
      for (const TokenId id : allowed) {
        if (id < 0x80) ascii.push_back(id);
      }
      // Now and then another: a pattern may ask for it first.
      const size_t which = random() % 8;
      if (which == 0 && !ascii.empty()) {
        chosen = ascii[random() % ascii.size()];
      } else if (!closing.empty()) {
        chosen = closing[which < 7 ? 0 : random() % closing.size()];
      }
    }
    if (chosen == tokenizer.end()) return ids;
    ids.push_back(chosen);
  }
  throw std::runtime_error("the reply does not end");
}

}  // namespace heng::test
