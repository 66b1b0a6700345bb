# Writes a C++ source that holds files as they are, for heng serve's page. cmake -DOUT= -DLIST= -P:
# LIST is a file with a line "path below /page|file on disk" each. The assembler copies the bytes, so
# that nothing is as long to compile as a literal would be.

set(types_html "text/html; charset=utf-8")
set(types_js "text/javascript; charset=utf-8")
set(types_css "text/css; charset=utf-8")
set(types_txt "text/plain; charset=utf-8")
set(types_svg "image/svg+xml")
set(types_woff2 "font/woff2")

file(STRINGS ${LIST} lines)
set(bytes)
set(names)
set(rows)
set(n 0)
foreach(line ${lines})
  string(REPLACE "|" ";" parts "${line}")
  list(GET parts 0 path)
  list(GET parts 1 file)
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  string(REGEX REPLACE ".*\\." "" extension ${path})
  if(NOT DEFINED types_${extension})
    message(FATAL_ERROR "no content type for ${path}")
  endif()
  string(APPEND bytes "    \"heng_page_${n}_begin:\\n.incbin \\\"${file}\\\"\\nheng_page_${n}_end:\\n\"\n")
  string(APPEND names "extern const char heng_page_${n}_begin[], heng_page_${n}_end[];\n")
  string(APPEND rows "    {\"/page/${path}\", \"${types_${extension}}\", \"\\\"${hash}\\\"\",\n"
                     "     heng_page_${n}_begin, heng_page_${n}_end},\n")
  math(EXPR n "${n} + 1")
endforeach()

file(WRITE ${OUT} "// Written by cmake/embed_files.cmake.
#include \"server/page_files.h\"

asm(\".pushsection .rodata\\n\"
${bytes}    \".byte 0\\n.popsection\\n\");

#pragma GCC visibility push(hidden)
extern \"C\" {
${names}}
#pragma GCC visibility pop

namespace heng::server {
namespace {

const PageFile kFiles[] = {
${rows}};

}  // namespace

std::span<const PageFile> page_files() {
  return kFiles;
}

}  // namespace heng::server
")
