# heng_web_page(target): puts the page of `heng serve` into the program: src/server/web, and Debian's
# marked, highlight.js, DOMPurify and KaTeX with its fonts, as they are installed.

function(heng_page_file name)
  find_file(HENG_PAGE_${name} ${ARGN} NO_CMAKE_FIND_ROOT_PATH)
  if(NOT HENG_PAGE_${name})
    message(FATAL_ERROR "the web page needs ${ARGN}: see packaging/packages.txt")
  endif()
endfunction()

function(heng_web_page target)
  heng_page_file(MARKED marked.min.js PATHS /usr/share/javascript/marked)
  heng_page_file(HIGHLIGHT highlight.min.js PATHS /usr/share/javascript/highlight.js)
  heng_page_file(PURIFY purify.min.js PATHS /usr/share/nodejs/dompurify/dist)
  heng_page_file(KATEX katex.min.js PATHS /usr/share/javascript/katex)
  heng_page_file(KATEX_CSS katex.min.css PATHS /usr/share/javascript/katex)
  heng_page_file(KATEX_FONT KaTeX_Main-Regular.woff2 PATHS /usr/share/fonts/truetype/katex)
  get_filename_component(fonts_folder ${HENG_PAGE_KATEX_FONT} DIRECTORY)

  set(list "kept/marked.js|${HENG_PAGE_MARKED}\nkept/highlight.js|${HENG_PAGE_HIGHLIGHT}\n"
           "kept/purify.js|${HENG_PAGE_PURIFY}\nkept/katex.js|${HENG_PAGE_KATEX}\n"
           "kept/katex.css|${HENG_PAGE_KATEX_CSS}\n")
  set(files ${HENG_PAGE_MARKED} ${HENG_PAGE_HIGHLIGHT} ${HENG_PAGE_PURIFY} ${HENG_PAGE_KATEX}
            ${HENG_PAGE_KATEX_CSS})
  file(GLOB fonts ${fonts_folder}/*.woff2)
  file(GLOB own CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/server/web/*)
  foreach(file ${fonts})
    get_filename_component(name ${file} NAME)
    list(APPEND list "kept/fonts/${name}|${file}\n")
  endforeach()
  foreach(file ${own})
    get_filename_component(name ${file} NAME)
    list(APPEND list "${name}|${file}\n")
  endforeach()
  string(CONCAT list ${list})

  set(list_file ${PROJECT_BINARY_DIR}/page_files.txt)
  set(source ${PROJECT_BINARY_DIR}/page_files.cpp)
  file(CONFIGURE OUTPUT ${list_file} CONTENT "${list}")
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake)
  add_custom_command(OUTPUT ${source} DEPENDS ${files} ${fonts} ${own} ${list_file} ${script}
                     COMMAND ${CMAKE_COMMAND} -DOUT=${source} -DLIST=${list_file} -P ${script}
                     COMMENT "Page of heng serve" VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()
