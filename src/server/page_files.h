// The files of the web page, which the build puts into the program (cmake/embed_files.cmake).
// Static data; safe from any thread.
#pragma once

#include <span>
#include <string_view>

namespace heng::server {

struct PageFile {
  std::string_view path;          // "/page/app.js"
  std::string_view content_type;  // by the file's ending
  std::string_view etag;          // of its bytes, in quotes
  const char *begin, *end;

  std::string_view bytes() const { return {begin, static_cast<size_t>(end - begin)}; }
};

std::span<const PageFile> page_files();

}  // namespace heng::server
