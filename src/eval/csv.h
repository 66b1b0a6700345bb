// Comma-separated tables as the published benchmarks have them (RFC 4180), and what pandas makes of
// their cells: the published scripts read through it, so the models saw its spelling. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heng/error.h"

namespace heng::eval {

struct CsvRow {
  size_t line = 0;  // in the file where the row begins, from 1
  std::vector<std::string> cells;
};

// All rows; blank lines are none. Throws Error kCorrupt naming `file` and line: a quote that is
// never closed, over 16 Mi cells.
std::vector<CsvRow> parse_csv(std::string_view text, std::string_view file);

// Respells `rows` (without the header) as pandas 2 prints them after read_csv: a column of numbers
// is reprinted (05 -> 5; with one decimal or missing cell all as floats: 7 -> 7.0), a column of
// true and false becomes True and False, missing cells (empty, NA, None, null, ...) become "nan".
void respell_as_pandas(std::vector<CsvRow>& rows);

}  // namespace heng::eval
