// The oracle: every op as its definition reads, fp32 storage and double sums, one thread, no
// packing.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/half.h"
#include "heng/error.h"
#include "ops/backend.h"

namespace heng::ops {
namespace {

std::vector<float> decoded_row(const Matrix& m, size_t r) {
  std::vector<float> row(m.cols);
  m.format->decode_row(m.row(r), row.data(), m.cols);
  return row;
}

// One section of the cache, number by number.
class KvSection {
 public:
  KvSection(const KvLayout& layout, std::byte* data) : l_(layout), data_(data) {}

  void store(size_t slot, const float* key, const float* value) {
    float key_scale = 1, value_scale = 1;
    if (l_.type == KvType::kI8) {
      key_scale = scales()[slot] = int8_scale(key);
      value_scale = scales()[kKvBlockTokens + slot] = int8_scale(value);
    }
    for (size_t d = 0; d < l_.head_dim; ++d) {
      put(key_index(d, slot), key[d], key_scale);
      put(value_index(d, slot), value[d], value_scale);
    }
  }
  float key(size_t d, size_t slot) const {
    const float scale = l_.type == KvType::kI8 ? scales()[slot] : 1;
    return get(key_index(d, slot)) * scale;
  }
  float value(size_t d, size_t slot) const {
    const float scale = l_.type == KvType::kI8 ? scales()[kKvBlockTokens + slot] : 1;
    return get(value_index(d, slot)) * scale;
  }

 private:
  bool pairs() const { return l_.type == KvType::kBF16 || l_.type == KvType::kI8; }
  size_t key_index(size_t d, size_t slot) const {
    if (!pairs()) return d * kKvBlockTokens + slot;
    return (d / 2 * kKvBlockTokens + slot) * 2 + d % 2;
  }
  size_t value_index(size_t d, size_t slot) const {
    const size_t first = l_.head_dim * kKvBlockTokens;
    if (!pairs()) return first + slot * l_.head_dim + d;
    return first + (slot / 2 * l_.head_dim + d) * 2 + slot % 2;
  }
  float* scales() const {
    return reinterpret_cast<float*>(data_ + 2 * l_.head_dim * kKvBlockTokens);
  }
  float int8_scale(const float* x) const {
    float largest = 0;
    for (size_t d = 0; d < l_.head_dim; ++d) largest = std::max(largest, std::abs(x[d]));
    return largest / 127;
  }
  void put(size_t index, float x, float scale) {
    if (l_.type == KvType::kI8) {
      reinterpret_cast<int8_t*>(data_)[index] =
          static_cast<int8_t>(scale > 0 ? std::nearbyint(x / scale) : 0);
    } else if (l_.type == KvType::kF32) {
      reinterpret_cast<float*>(data_)[index] = x;
    } else {
      reinterpret_cast<uint16_t*>(data_)[index] =
          l_.type == KvType::kF16 ? float_to_half(x) : float_to_bf16(x);
    }
  }
  float get(size_t index) const {
    if (l_.type == KvType::kI8) return reinterpret_cast<const int8_t*>(data_)[index];
    if (l_.type == KvType::kF32) return reinterpret_cast<const float*>(data_)[index];
    const uint16_t bits = reinterpret_cast<const uint16_t*>(data_)[index];
    return l_.type == KvType::kF16 ? half_to_float(bits) : bf16_to_float(bits);
  }

  const KvLayout& l_;
  std::byte* data_;
};

void rotate(const QkvArgs& a, size_t token, float* head) {
  const size_t half = a.rope_dims / 2;
  for (size_t i = 0; i < half; ++i) {
    const size_t first = a.style == RopeStyle::kHalves ? i : 2 * i;
    const size_t second = a.style == RopeStyle::kHalves ? i + half : 2 * i + 1;
    const float c = a.cosine[token * half + i], s = a.sine[token * half + i];
    const float x = head[first], y = head[second];
    head[first] = x * c - y * s;
    head[second] = y * c + x * s;
  }
}

class ReferenceBackend final : public Backend {
 public:
  std::string_view name() const override { return "reference"; }
  bool multiplies_bf16() const override { return false; }
  int threads() const override { return 1; }
  size_t prepared_bytes(const formats::WeightFormat&, size_t, size_t) const override { return 0; }

  void prepare(Matrix& m, Arena&) override {
    for (size_t r = 0; r < m.rows; ++r) {
      const auto row = decoded_row(m, r);
      if (!std::all_of(row.begin(), row.end(), [](float x) { return std::isfinite(x); })) {
        throw Error(ErrorCode::kCorrupt, m.name + ": row " + std::to_string(r) +
                                             " holds a value that is not finite. The file is "
                                             "damaged.");
      }
    }
  }

  void prepare(Matrix& m, Arena&, const MakeRows&) override {
    throw Error(ErrorCode::kInternal, m.name + ": the reference packs nothing.");
  }

  void rms_norm(const float* x, const float* weight, float* out, size_t n, size_t dim,
                float eps) override {
    for (size_t t = 0; t < n; ++t) {
      double squares = 0;
      for (size_t i = 0; i < dim; ++i) squares += double{x[t * dim + i]} * x[t * dim + i];
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(dim) + eps);
      for (size_t i = 0; i < dim; ++i) {
        out[t * dim + i] = static_cast<float>(x[t * dim + i] * inverse) * weight[i];
      }
    }
  }

  void linear(const float* x, size_t n, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs) {
      const size_t k = job.weight->cols;
      for (size_t r = 0; r < job.weight->rows; ++r) {
        const auto w = decoded_row(*job.weight, r);
        const InputOrder* order = job.weight->input_order.get();
        for (size_t t = 0; t < n; ++t) {
          double sum = job.bias ? job.bias[r] : 0;
          for (size_t i = 0; i < k; ++i) sum += double{w[i]} * x[t * k + (order ? (*order)[i] : i)];
          float& out = job.out[t * job.out_stride + r];
          out = static_cast<float>(job.store == Store::kAdd ? out + sum : sum);
        }
      }
    }
  }

  void rotate_and_store(const QkvArgs& a) override {
    const KvLayout& l = a.layout;
    const size_t d = l.head_dim, width = (a.n_heads + 2 * l.n_kv_heads) * d;
    for (const SequenceSlice& s : a.slices) {
      for (size_t t = s.first; t < s.first + s.n; ++t) {
        float* row = a.qkv + t * width;
        float* keys = row + a.n_heads * d;
        if (a.q_norm) rms_norm(row, a.q_norm, row, a.n_heads, d, a.norm_eps);
        if (a.k_norm) rms_norm(keys, a.k_norm, keys, l.n_kv_heads, d, a.norm_eps);
        for (size_t h = 0; h < a.n_heads; ++h) {
          rotate(a, t, row + h * d);
          for (size_t i = 0; i < d; ++i) row[h * d + i] *= a.q_scale[t];
        }
        const size_t pos = s.start + t - s.first, slot = pos % kKvBlockTokens;
        for (size_t h = 0; h < l.n_kv_heads; ++h) {
          float* key = keys + h * d;
          const float* value = key + l.n_kv_heads * d;
          rotate(a, t, key);
          KvSection(l, s.blocks[pos / kKvBlockTokens] + l.offset(a.layer, h))
              .store(slot, key, value);
        }
      }
    }
  }

  void attention(const QkvArgs& a, float* out) override {
    for (const SequenceSlice& s : a.slices) {
      for (size_t t = s.first; t < s.first + s.n; ++t) {
        for (size_t h = 0; h < a.n_heads; ++h) attend(a, s, t, h, out);
      }
    }
  }

  void swiglu(float* gate, const float* up, size_t n) override {
    for (size_t i = 0; i < n; ++i) {
      gate[i] = static_cast<float>(gate[i] / (1 + std::exp(-double{gate[i]})) * up[i]);
    }
  }

 private:
  static void attend(const QkvArgs& a, const SequenceSlice& s, size_t t, size_t h, float* out) {
    const KvLayout& l = a.layout;
    const size_t d = l.head_dim, width = (a.n_heads + 2 * l.n_kv_heads) * d;
    const size_t kv_head = h / (a.n_heads / l.n_kv_heads), n = s.start + t - s.first + 1;
    const float* q = a.qkv + t * width + h * d;
    const auto section = [&](size_t pos) {
      return KvSection(l, s.blocks[pos / kKvBlockTokens] + l.offset(a.layer, kv_head));
    };
    std::vector<double> weight(n);
    double largest = -INFINITY, total = 0;
    for (size_t pos = 0; pos < n; ++pos) {
      for (size_t i = 0; i < d; ++i) {
        weight[pos] += double{q[i]} * section(pos).key(i, pos % kKvBlockTokens);
      }
      largest = std::max(largest, weight[pos]);
    }
    for (double& w : weight) total += w = std::exp(w - largest);
    for (size_t i = 0; i < d; ++i) {
      double sum = 0;
      for (size_t pos = 0; pos < n; ++pos) {
        sum += weight[pos] * section(pos).value(i, pos % kKvBlockTokens);
      }
      out[t * a.n_heads * d + h * d + i] = static_cast<float>(sum / total);
    }
  }
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend() {
  return std::make_unique<ReferenceBackend>();
}

}  // namespace heng::ops
