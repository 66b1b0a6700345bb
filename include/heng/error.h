// The one exception type of the library. Thrown only for outside input (files, requests, options);
// the text is one line: where, what, expected, found, what to do next.
#pragma once

#include <stdexcept>
#include <string>

namespace heng {

enum class ErrorCode {
  kNotFound,         // a file, a name or a tensor that is not there
  kCorrupt,          // a file that contradicts itself or its format
  kUnsupported,      // understood, but not something this build can do
  kInvalidArgument,  // a request or an option that cannot be carried out
  kOutOfMemory,      // more memory or disk than there is
  kBusy,             // nothing wrong: too much to do at the moment, to be asked again later
  kCancelled,        // stopped by the caller
  kInternal,         // a broken promise between our own functions
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace heng
