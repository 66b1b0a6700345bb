#include "eval/csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/number_text.h"

namespace heng::eval {
namespace {

constexpr size_t kMostCells = size_t{16} << 20;

// One pass over the text: cells end at commas, rows at line ends outside quotes.
class CsvParser {
 public:
  CsvParser(std::string_view text, std::string_view file) : text_(text), file_(file) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  std::vector<CsvRow> parse() {
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      CsvRow row = read_row();
      const bool blank = row.cells.size() == 1 && row.cells[0].empty() && !quoted_;
      if (!blank) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  CsvRow read_row() {
    CsvRow row{line_, {}};
    quoted_ = false;
    while (true) {
      row.cells.push_back(read_cell());
      if (++cells_ > kMostCells) fail("more cells than a benchmark has");
      if (at_ == text_.size()) return row;
      if (text_[at_++] == ',') continue;
      if (text_[at_ - 1] == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
      ++line_;
      return row;
    }
  }

  std::string read_cell() {
    std::string cell;
    if (at_ < text_.size() && text_[at_] == '"') {
      quoted_ = true;
      read_quoted(cell);
    }
    // What follows a closing quote belongs to the cell, as in pandas' reader.
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r') {
      cell += text_[at_++];
    }
    return cell;
  }

  void read_quoted(std::string& cell) {
    const size_t opened = line_;
    ++at_;
    while (true) {
      if (at_ == text_.size()) {
        throw Error(ErrorCode::kCorrupt, std::string(file_) + ":" + std::to_string(opened) +
                                             ": a quote is opened and never closed.");
      }
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (c != '"') {
        cell += c;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        cell += '"';
        ++at_;
      } else {
        return;
      }
    }
  }

  [[noreturn]] void fail(std::string_view problem) const {
    throw Error(ErrorCode::kCorrupt, std::string(file_) + ":" + std::to_string(line_) + ": " +
                                         std::string(problem) + ".");
  }

  std::string_view text_, file_;
  size_t at_ = 0, line_ = 1, cells_ = 0;
  bool quoted_ = false;  // a cell of the row was
};

bool is_missing(std::string_view cell) {
  static constexpr std::array<std::string_view, 18> kMissing = {
      "",        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
      "1.#QNAN", "<NA>", "N/A",      "NA",  "NULL",    "NaN",      "None", "n/a",  "nan"};
  return cell == "null" || std::find(kMissing.begin(), kMissing.end(), cell) != kMissing.end();
}

// Numbers may have blanks around them.
std::string_view without_blanks(std::string_view cell) {
  while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
  while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
  return cell;
}

template <typename T>
std::optional<T> parse_number(std::string_view cell) {
  cell = without_blanks(cell);
  if (cell.starts_with('+')) cell.remove_prefix(1);
  if (cell.empty() || cell.front() == '+') return std::nullopt;
  T value{};
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

std::string pandas_float(double value) {
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return std::isnan(value) ? "nan" : float_text(value);
}

enum class Kind { kMissing, kInteger, kFloat, kBool, kText };

Kind kind_of(std::string_view cell) {
  if (is_missing(cell)) return Kind::kMissing;
  if (cell == "True" || cell == "TRUE" || cell == "true" || cell == "False" || cell == "FALSE" ||
      cell == "false") {
    return Kind::kBool;
  }
  if (parse_number<int64_t>(cell)) return Kind::kInteger;
  if (parse_number<double>(cell)) return Kind::kFloat;
  return Kind::kText;
}

// What pandas makes of the whole column.
Kind column_kind(const std::vector<CsvRow>& rows, size_t column) {
  std::array<size_t, 5> n{};
  for (const CsvRow& row : rows) {
    if (column < row.cells.size()) ++n[static_cast<size_t>(kind_of(row.cells[column]))];
  }
  const auto count = [&](Kind kind) { return n[static_cast<size_t>(kind)]; };
  if (count(Kind::kText) > 0) return Kind::kText;
  const size_t numbers = count(Kind::kInteger) + count(Kind::kFloat);
  if (count(Kind::kBool) > 0) return numbers == 0 ? Kind::kBool : Kind::kText;
  if (count(Kind::kFloat) > 0 || count(Kind::kMissing) > 0) return Kind::kFloat;
  return Kind::kInteger;
}

std::string respelt(const std::string& cell, Kind column) {
  if (is_missing(cell)) return "nan";
  switch (column) {
    case Kind::kInteger:
      return std::to_string(*parse_number<int64_t>(cell));
    case Kind::kFloat:
      return pandas_float(*parse_number<double>(cell));
    case Kind::kBool:
      return cell[0] == 'T' || cell[0] == 't' ? "True" : "False";
    default:
      return cell;
  }
}

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, std::string_view file) {
  return CsvParser(text, file).parse();
}

void respell_as_pandas(std::vector<CsvRow>& rows) {
  size_t columns = 0;
  for (const CsvRow& row : rows) columns = std::max(columns, row.cells.size());
  for (size_t c = 0; c < columns; ++c) {
    const Kind kind = column_kind(rows, c);
    for (CsvRow& row : rows) {
      if (c < row.cells.size()) row.cells[c] = respelt(row.cells[c], kind);
    }
  }
}

}  // namespace heng::eval
