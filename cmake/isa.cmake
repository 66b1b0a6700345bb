# heng_add_isa_sources(target): compiles each *.isa.cpp of src/kernels once per instruction set level.
# Every copy lives in namespace heng::<level>; tools/check_style.py makes sure that nothing else leaks out.

set(HENG_ISA_LEVELS scalar avx2 avx512 avx512_vnni avx512_bf16)
set(HENG_ISA_FLAGS_scalar "")
set(HENG_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(HENG_ISA_FLAGS_avx512 ${HENG_ISA_FLAGS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd
    -mprefer-vector-width=512)
set(HENG_ISA_FLAGS_avx512_vnni ${HENG_ISA_FLAGS_avx512} -mavx512vnni)
set(HENG_ISA_FLAGS_avx512_bf16 ${HENG_ISA_FLAGS_avx512_vnni} -mavx512bf16)

function(heng_add_isa_sources target)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/*.isa.cpp)
  foreach(level ${HENG_ISA_LEVELS})
    add_library(${target}_${level} OBJECT ${sources})
    target_include_directories(${target}_${level} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(${target}_${level} PRIVATE HENG_ISA=${level} HENG_ISA_${level}=1)
    target_compile_options(${target}_${level} PRIVATE ${HENG_ISA_FLAGS_${level}} -fno-exceptions
                           -fno-rtti -O3 -Wno-uninitialized -Wno-maybe-uninitialized)
    target_sources(${target} INTERFACE $<TARGET_OBJECTS:${target}_${level}>)
  endforeach()
endfunction()
