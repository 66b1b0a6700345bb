#include "commands/npy_writer.h"

#include <bit>
#include <string>

namespace heng::commands {
namespace {

static_assert(std::endian::native == std::endian::little, "the header says '<f4'");

// Magic, version 1.0, length of the text as two bytes, the text padded so that the data begins at a
// multiple of 64 bytes.
std::string header(size_t rows, size_t columns) {
  constexpr size_t kFixed = 10;
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) +
                     ", " + std::to_string(columns) + "), }";
  text.append(63 - (kFixed + text.size()) % 64, ' ');
  text += '\n';
  std::string head = "\x93NUMPY";
  head +=
      {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return head + text;
}

}  // namespace

NpyWriter::NpyWriter(std::filesystem::path path, size_t rows, size_t columns)
    : file_(std::move(path), header(rows, columns).size() + rows * columns * sizeof(float)) {
  const std::string head = header(rows, columns);
  file_.write(std::as_bytes(std::span(head)));
}

void NpyWriter::write(std::span<const float> row) {
  file_.write(std::as_bytes(row));
}

void NpyWriter::finish() {
  file_.finish();
}

}  // namespace heng::commands
