# Tests of the house itself: the style rules, the installed package, short runs of the fuzz targets.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME house.style COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/check_style.py
                                  --build ${PROJECT_BINARY_DIR})
add_test(NAME house.style_checker COMMAND Python3::Interpreter -B
                                          ${PROJECT_SOURCE_DIR}/tools/check_style_test.py)
add_test(NAME house.default_model COMMAND Python3::Interpreter -B
                                          ${PROJECT_SOURCE_DIR}/tools/fetch_default_model_test.py)
add_test(NAME house.install
         COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DBUILD=${PROJECT_BINARY_DIR}
                 -DWORK=${PROJECT_BINARY_DIR}/install_test -DGENERATOR=${CMAKE_GENERATOR}
                 -P ${PROJECT_SOURCE_DIR}/cmake/install_test.cmake)
set_tests_properties(house.style house.style_checker house.default_model house.install
                     PROPERTIES LABELS house TIMEOUT 300)
# Sanitizers put symbols of their own into every object.
if(HENG_SANITIZE)
  set_tests_properties(house.style PROPERTIES DISABLED TRUE)
endif()

set(HENG_FUZZ_BUILD ${PROJECT_SOURCE_DIR}/build-fuzz CACHE PATH "Where the fuzz targets are built")
configure_file(${PROJECT_SOURCE_DIR}/cmake/fuzz_tests.cmake.in
               ${PROJECT_BINARY_DIR}/fuzz_tests.cmake @ONLY)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY TEST_INCLUDE_FILES
             ${PROJECT_BINARY_DIR}/fuzz_tests.cmake)
