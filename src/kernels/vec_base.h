// What the three forms of vec.h share: the system headers that per-level sources may use, and the
// macro that keeps every function inside its level's object.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "base/half.h"

#if !defined(HENG_ISA)
#error "compiled per instruction set level only: see cmake/isa.cmake"
#endif

#define HENG_INLINE inline __attribute__((always_inline))

namespace heng::HENG_ISA {
namespace {

constexpr size_t kLanes = 16;

}  // namespace
}  // namespace heng::HENG_ISA
