// Any bytes as the data of a benchmark, CSV and JSON Lines: rows or heng::Error. The first byte
// says which, and how cells are spelt.
#include <cstdint>
#include <string>

#include "eval/questions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace heng::eval;
  if (size == 0) return 0;
  DataLayout layout;
  layout.format = data[0] & 1 ? DataFormat::kCsv : DataFormat::kJsonl;
  layout.header = data[0] & 2;
  layout.cells = data[0] & 4 ? Cells::kPandas : Cells::kRaw;
  layout.fields = {{"question", "q"}, {"answer", "key"}};
  try {
    const Rows rows = parse_rows(layout, {reinterpret_cast<const char*>(data + 1), size - 1}, "f");
    for (const Question& question : rows.rows) {
      if (question.fields.size() != layout.fields.size()) __builtin_trap();
    }
  } catch (const heng::Error&) {
  }
  return 0;
}
