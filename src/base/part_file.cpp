#include "base/part_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/message.h"
#include "heng/error.h"

namespace heng {

PartFile::PartFile(std::filesystem::path path, uint64_t bytes)
    : path_(std::move(path)), part_(path_.string() + ".part") {
  std::error_code error;
  const auto folder = std::filesystem::absolute(path_).parent_path();
  const auto space = std::filesystem::space(folder, error);
  if (!error && space.available < bytes) {
    throw Error(ErrorCode::kOutOfMemory, path_.string() + " takes " + with_commas(bytes) +
                                             " bytes, the disk of " + folder.string() + " has " +
                                             with_commas(space.available) +
                                             " left. Free some space or write elsewhere.");
  }
  descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) return;
  throw Error(ErrorCode::kNotFound, part_.string() +
                                        ": cannot be written. Choose a folder that exists and "
                                        "that you may write to.");
}

PartFile::~PartFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!finished_) ::unlink(part_.c_str());
}

void PartFile::fail_writing() const {
  throw Error(ErrorCode::kOutOfMemory, part_.string() +
                                           ": writing failed, the disk is full or gone. Free "
                                           "some space or write elsewhere.");
}

void PartFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_writing();
    bytes = bytes.subspan(static_cast<size_t>(n));
    written_ += static_cast<uint64_t>(n);
  }
}

void PartFile::finish() {
  const bool synced = ::fsync(descriptor_) == 0 || errno == EINVAL;  // EINVAL: a pipe or device
  const bool closed = ::close(descriptor_) == 0;
  descriptor_ = -1;
  if (!synced || !closed) fail_writing();
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  if (error) fail_writing();
  finished_ = true;
}

}  // namespace heng
