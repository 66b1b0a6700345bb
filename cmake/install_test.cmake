# Installs the build into a folder of its own, builds examples/ there as a stranger's project that knows
# the installed package alone, and runs what came out. cmake -DSOURCE= -DBUILD= -DWORK= -DGENERATOR= -P.

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
# Copied, so that no path into the source tree can help.
file(COPY ${SOURCE}/examples DESTINATION ${WORK})
run(${CMAKE_COMMAND} -S ${WORK}/examples -B ${WORK}/build -G ${GENERATOR}
    -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/prefix/bin/heng --version)
run(${CMAKE_COMMAND} -E chdir ${WORK}/build ${CMAKE_CTEST_COMMAND} --output-on-failure)
file(REMOVE_RECURSE ${WORK})
