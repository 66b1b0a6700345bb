# tasks/*.yaml -> one source that holds their texts, so that the program has them wherever it lies.
file(GLOB task_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tasks/*.yaml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${task_files})
set(entries)
foreach(file ${task_files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  # Compilers need not take string literals over 65,536 bytes; adjacent ones do not help.
  string(LENGTH "${text}" length)
  if(length GREATER 60000)
    message(FATAL_ERROR "${file} is too long to be built in")
  endif()
  string(APPEND entries "    {\"${name}\", R\"heng-task(${text})heng-task\"},\n")
endforeach()
set(source ${PROJECT_BINARY_DIR}/built_in_tasks.cpp)
file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"#include \"eval/task.h\"

namespace heng::eval {

std::vector<BuiltInTask> built_in_tasks() {
  return {
@entries@  };
}

}  // namespace heng::eval
")
target_sources(heng_eval PRIVATE ${source})
