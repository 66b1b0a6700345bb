# The library libheng.a out of all folders of src/, and what `cmake --install` puts where: the program,
# the library with its public headers, and the package that find_package(heng) finds.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(heng_folders GLOBAL PROPERTY heng_folders)
set(heng_objects)
foreach(name ${heng_folders})
  list(APPEND heng_objects $<TARGET_OBJECTS:heng_${name}>)
endforeach()
foreach(level ${HENG_ISA_LEVELS})
  list(APPEND heng_objects $<TARGET_OBJECTS:heng_kernels_${level}>)
endforeach()

# The target is libheng because the program's is heng; outside it is heng::heng.
add_library(libheng STATIC ${heng_objects})
add_library(heng::heng ALIAS libheng)
set_target_properties(libheng PROPERTIES OUTPUT_NAME heng EXPORT_NAME heng LINKER_LANGUAGE CXX)
target_compile_features(libheng INTERFACE cxx_std_20)
target_include_directories(libheng INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(libheng PRIVATE Threads::Threads PkgConfig::PCRE2 PkgConfig::UTF8PROC
                                      PkgConfig::SENTENCEPIECE)

set(heng_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/heng)
configure_package_config_file(cmake/heng-config.cmake.in ${PROJECT_BINARY_DIR}/heng-config.cmake
                              INSTALL_DESTINATION ${heng_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/heng-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)

install(TARGETS libheng EXPORT heng-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT heng-targets NAMESPACE heng:: DESTINATION ${heng_package_dir})
install(DIRECTORY include/heng DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(FILES ${PROJECT_BINARY_DIR}/heng-config.cmake
              ${PROJECT_BINARY_DIR}/heng-config-version.cmake DESTINATION ${heng_package_dir})
install(PROGRAMS ${PROJECT_BINARY_DIR}/heng DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES README.md README.zh.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
