#include "base/part_folder.h"

#include <unistd.h>

#include <string>

#include "base/message.h"
#include "heng/error.h"

namespace heng {

namespace fs = std::filesystem;

PartFolder::PartFolder(fs::path path, uint64_t bytes) {
  // "x/" is the folder x.
  path_ = fs::absolute(path / "").lexically_normal().parent_path();
  std::error_code error;
  if (fs::exists(path_, error) && !(fs::is_directory(path_, error) && fs::is_empty(path_, error))) {
    throw Error(ErrorCode::kInvalidArgument,
                path.string() + ": is there already and not empty. Choose another folder.");
  }
  const fs::path above = path_.parent_path();
  const auto space = fs::space(above, error);
  if (!error && space.available < bytes) {
    throw Error(ErrorCode::kOutOfMemory, path.string() + " takes " + with_commas(bytes) +
                                             " bytes, the disk of " + above.string() + " has " +
                                             with_commas(space.available) +
                                             " left. Free some space or write elsewhere.");
  }
  const fs::path part =
      above / ("." + path_.filename().string() + ".part-" + std::to_string(::getpid()));
  if (!fs::create_directory(part, error)) {
    throw Error(ErrorCode::kNotFound, part.string() +
                                          ": cannot be made. Choose a folder that exists and that "
                                          "you may write to.");
  }
  part_ = part;
}

PartFolder::~PartFolder() {
  std::error_code ignored;
  if (!finished_) fs::remove_all(part_, ignored);
}

void PartFolder::finish() {
  std::error_code error;
  fs::rename(part_, path_, error);
  if (error) {
    throw Error(ErrorCode::kOutOfMemory,
                path_.string() + ": cannot be given its name: " + error.message() + ".");
  }
  finished_ = true;
}

}  // namespace heng
