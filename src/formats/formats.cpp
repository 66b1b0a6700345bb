#include "formats/format.h"
#include "formats/int_group.h"
#include "formats/plain.h"
#include "formats/q2_k.h"
#include "formats/q3_k.h"
#include "formats/q4_0.h"
#include "formats/q4_1.h"
#include "formats/q4_k.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"
#include "formats/q5_k.h"
#include "formats/q6_k.h"
#include "formats/q8_0.h"

namespace heng::formats {
namespace {

template <typename Format>
constexpr WeightFormat kPlain = plain_format<Format>();
template <typename Format>
constexpr WeightFormat kBlock = block_format<Format>();

constexpr const WeightFormat* kAll[] = {
#define HENG_PLAIN(Format) &kPlain<Format>,
#define HENG_FORMAT(Format) &kBlock<Format>,
#include "formats/list.inc"
#undef HENG_PLAIN
#undef HENG_FORMAT
};

}  // namespace

std::span<const WeightFormat* const> all_formats() {
  return kAll;
}

const WeightFormat* find_format(DType dtype) {
  for (const WeightFormat* format : kAll) {
    if (format->dtype == dtype) return format;
  }
  return nullptr;
}

}  // namespace heng::formats
