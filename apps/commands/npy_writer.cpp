#include "commands/npy_writer.h"

#include <bit>
#include <string>

#include "heng/error.h"

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
    : path_(std::move(path)), part_(path_.string() + ".part"), out_(part_, std::ios::binary) {
  if (!out_) {
    throw Error(ErrorCode::kNotFound, part_.string() +
                                          ": cannot be written. Choose a folder that exists and "
                                          "that you may write to.");
  }
  out_ << header(rows, columns);
}

NpyWriter::~NpyWriter() {
  if (finished_) return;
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(part_, ignored);
}

void NpyWriter::check() const {
  if (!out_) {
    throw Error(ErrorCode::kOutOfMemory, part_.string() +
                                             ": writing failed, the disk is full or gone. Free "
                                             "some space or write elsewhere.");
  }
}

void NpyWriter::write(std::span<const float> row) {
  out_.write(reinterpret_cast<const char*>(row.data()),
             static_cast<std::streamsize>(row.size_bytes()));
  check();
}

void NpyWriter::finish() {
  out_.close();
  check();
  std::filesystem::rename(part_, path_);
  finished_ = true;
}

}  // namespace heng::commands
