// The option that a text is nearest to, as thefuzz's process.extractOne (0.22, over rapidfuzz 3)
// finds it: the last resort of Qwen's chat scripts. Pure functions.
#pragma once

#include <array>
#include <span>
#include <string>

#include "eval/scoring/code_points.h"

namespace heng::eval {

// Lower case, everything but letters and numbers as blanks, trimmed.
Runes process_text(RunesView text);
// What becomes of the text that is looked for, and of the options: characters U+0080 to U+00FF go,
// from the one after and from the other before the above.
Runes process_query(RunesView text);
Runes process_option(RunesView text);

// WRatio, 0 to 100, of processed texts.
double weighted_ratio(RunesView a, RunesView b);

// The index of the best option; of equals the first, 0 where nothing is alike. REQUIRES: not empty.
size_t closest_option(RunesView text, std::span<const Runes> options);

}  // namespace heng::eval
