# Each folder of src/ is an object library heng_<folder>; a target that uses a folder takes the
# folders that it stands on as well. One place holds who stands on whom: the calls in CMakeLists.txt.

function(heng_folder name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp
       ${PROJECT_SOURCE_DIR}/src/${name}/*/*.cpp)
  list(FILTER sources EXCLUDE REGEX "\\.isa\\.cpp$")
  add_library(heng_${name} OBJECT ${sources})
  target_include_directories(heng_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src
                                                 ${PROJECT_SOURCE_DIR}/include)
  foreach(below ${ARGN})
    target_link_libraries(heng_${name} PUBLIC heng_${below})
  endforeach()
  set_property(GLOBAL PROPERTY heng_below_${name} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY heng_folders ${name})
endfunction()

# The same for a folder that is no part of the library libheng.
function(heng_inner_folder name)
  heng_folder(${name} ${ARGN})
  get_property(folders GLOBAL PROPERTY heng_folders)
  list(REMOVE_ITEM folders ${name})
  set_property(GLOBAL PROPERTY heng_folders ${folders})
endfunction()

# heng_use(target folder...): links the folders and everything they stand on.
function(heng_use target)
  set(all)
  foreach(name ${ARGN})
    get_property(below GLOBAL PROPERTY heng_below_${name})
    list(APPEND all ${name} ${below})
  endforeach()
  list(REMOVE_DUPLICATES all)
  foreach(name ${all})
    target_link_libraries(${target} PRIVATE heng_${name})
  endforeach()
endfunction()
