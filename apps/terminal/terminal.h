// What the program may do on this terminal: colours, width, redrawn lines. Reads the environment
// once; safe to use from one thread.
#pragma once

#include <string>
#include <string_view>

namespace heng::terminal {

enum class Stream { kOut, kErr };

bool is_terminal(Stream stream);
bool is_input_terminal();
// Columns of the terminal behind standard output or error; 80 where there is none.
int width();

enum class Style { kDim, kBold, kRed };
// `text` in that style where `stream` is a terminal that shows it (NO_COLOR and TERM=dumb are
// honoured); else as it is. A style is never the only sign of anything.
std::string styled(std::string_view text, Style style, Stream stream);

// Columns that `text` takes: 2 for wide characters, 0 for combining ones.
int columns(std::string_view text);

// `text` moved to the right edge, at most `most` columns from the left.
std::string right_aligned(std::string_view text, int most);

// `text` broken at spaces to the width of `stream`, further lines with `indent` spaces in front; as
// it is where the stream is no terminal.
std::string wrapped(std::string_view text, Stream stream, int indent = 0);

// `text` with every control character but newline and tab, and what turns the direction of text,
// shown as a visible sign: text from a model or a file cannot drive the terminal. The result is
// valid UTF-8.
std::string harmless(std::string_view text);

// One line beside the matter, dim and wrapped.
void note(std::string_view line, Stream stream);

// "error: what is wrong." on standard error and, on a line of its own, what to do next: errors of
// the library have that after their first sentence.
void print_error(std::string_view message);

}  // namespace heng::terminal
