// The fast backend: splits each op over the threads by index and calls the kernels of one level.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "heng/error.h"
#include "ops/backend.h"
#include "ops/int_activations.h"

namespace heng::ops {
namespace {

using kernels::kPanelRows;
using kernels::kQueryTile;

// Below this many multiply-adds a call stays on the caller's thread: waking the others costs more.
constexpr size_t kSerialWork = 16 * 1024;

enum class Kind { kF32, kF16, kBf16, kPacked };

Kind kind_of(const Matrix& m) {
  if (m.packed) return Kind::kPacked;
  switch (m.format->dtype) {
    case DType::kF32:
      return Kind::kF32;
    case DType::kF16:
      return Kind::kF16;
    case DType::kBF16:
      return Kind::kBf16;
    default:
      break;
  }
  throw Error(ErrorCode::kInternal, m.name + ": was not prepared for this backend.");
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const kernels::KernelTable& table, int n_threads, ActivationBits bits)
      : table_(table), pool_(n_threads), bits_(bits) {}

  std::string_view name() const override { return table_.level; }
  bool multiplies_bf16() const override { return table_.bf16_activations; }
  int threads() const override { return pool_.size(); }

  size_t prepared_bytes(const formats::WeightFormat& format, size_t rows,
                        size_t cols) const override {
    if (format.expand_block == nullptr) return 0;
    return kernels::packed_bytes(format, rows, cols);
  }

  void prepare(Matrix& m, Arena& memory) override {
    if (m.format->expand_block != nullptr) {
      add_panels(m, memory);
      if (!memory.is_made()) pack_rows(m, m.data, 0, m.packed->n_panels());
      return;
    }
    if (memory.is_made()) return;
    std::atomic<bool> finite{true};
    pool_.for_range(m.rows, 1, [&](size_t begin, size_t end) {
      if (!rows_finite(m, begin, end)) finite = false;
    });
    if (!finite) fail_not_finite(m);
  }

  void prepare(Matrix& m, Arena& memory, const MakeRows& make_rows) override {
    constexpr size_t kBandBytes = 8u << 20;
    add_panels(m, memory);
    if (memory.is_made()) return;
    const size_t panel_bytes = kPanelRows * m.row_bytes(), n_panels = m.packed->n_panels();
    const size_t band = std::clamp<size_t>(kBandBytes / panel_bytes, 1, n_panels);
    std::vector<std::byte> rows(band * panel_bytes);
    for (size_t panel = 0; panel < n_panels; panel += band) {
      const size_t first = panel * kPanelRows, end = std::min(panel + band, n_panels);
      make_rows(first, std::min(end * kPanelRows, m.rows) - first, rows.data());
      pack_rows(m, rows.data(), panel, end);
    }
  }

  void rms_norm(const float* x, const float* weight, float* out, size_t n, size_t dim,
                float eps) override {
    for_tokens(n, dim, [&](size_t begin, size_t end) {
      table_.rms_norm({x + begin * dim, weight, out + begin * dim, end - begin, dim, eps});
    });
  }

  void linear(const float* x, size_t n, std::span<const LinearJob> jobs) override {
    const size_t k = jobs.front().weight->cols;
    prepare_inputs(x, n, k, jobs);
    pieces_.clear();
    size_t work = 0;
    for (const LinearJob& job : jobs) {
      cut(job, n);
      work += job.weight->rows * k * n;
    }
    const auto body = [&](size_t thread, size_t i) { run_piece(pieces_[i], n, thread); };
    if (pieces_.size() == 1 || work < kSerialWork) {
      for (size_t i = 0; i < pieces_.size(); ++i) body(0, i);
    } else {
      pool_.for_pieces(pieces_.size(), body);
    }
  }

  void rotate_and_store(const QkvArgs& a) override {
    const size_t width = (a.n_heads + 2 * a.layout.n_kv_heads) * a.layout.head_dim;
    for (const SequenceSlice& s : a.slices) {
      for_tokens(s.n, width, [&](size_t begin, size_t end) {
        for (size_t t = begin; t < end; ++t) rotate_token(a, s, s.first + t);
      });
    }
  }

  void attention(const QkvArgs& a, float* out) override {
    for (const SequenceSlice& s : a.slices) attend_slice(a, s, out);
  }

  void for_each(size_t n, const std::function<void(size_t)>& body) override {
    pool_.for_range(n, 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) body(i);
    });
  }

  void swiglu(float* gate, const float* up, size_t n) override {
    if (n < kSerialWork) {
      table_.swiglu(gate, up, n);
      return;
    }
    pool_.for_range(n, 64, [&](size_t begin, size_t end) {
      table_.swiglu(gate + begin, up + begin, end - begin);
    });
  }

 private:
  template <typename Body>
  void for_tokens(size_t n, size_t width, const Body& body) {
    if (n * width < kSerialWork) {
      if (n > 0) body(size_t{0}, n);
    } else {
      pool_.for_range(n, 1, body);
    }
  }

  static void add_panels(Matrix& m, Arena& memory) {
    if (!kernels::can_pack(*m.format, m.cols)) {
      throw Error(ErrorCode::kUnsupported, m.name + ": " + std::to_string(m.cols) + " columns in " +
                                               std::string(m.format->name) +
                                               ", expected a multiple of 32.");
    }
    m.packed.emplace(*m.format, m.rows, m.cols,
                     memory.take(kernels::packed_bytes(*m.format, m.rows, m.cols), "weights"));
  }

  // `rows`: those of the panels [first, last).
  void pack_rows(Matrix& m, const std::byte* rows, size_t first, size_t last) {
    const size_t panel_bytes = kPanelRows * m.row_bytes();
    std::atomic<bool> finite{true};
    pool_.for_range(last - first, 1, [&](size_t begin, size_t end) {
      if (!m.packed->pack(rows + begin * panel_bytes, first + begin, first + end)) finite = false;
    });
    if (!finite) fail_not_finite(m);
  }

  [[noreturn]] static void fail_not_finite(const Matrix& m) {
    throw Error(ErrorCode::kCorrupt, m.name +
                                         ": holds a value that is not finite, expected numbers. "
                                         "The file is damaged: fetch it again.");
  }

  bool rows_finite(const Matrix& m, size_t begin, size_t end) const {
    const std::byte* data = m.row(begin);
    const size_t n = (end - begin) * m.cols;
    switch (m.format->dtype) {
      case DType::kF32:
        return table_.all_finite_f32(data, n);
      case DType::kF16:
        return table_.all_finite_f16(data, n);
      default:
        return table_.all_finite_bf16(data, n);
    }
  }

  // Converts x once for all jobs, to what their kernels read.
  void prepare_inputs(const float* x, size_t n, size_t k, std::span<const LinearJob> jobs) {
    bool bf16 = false, f32 = false;
    orders_.clear();
    for (const LinearJob& job : jobs) {
      const Kind kind = kind_of(*job.weight);
      const InputOrder* order = job.weight->input_order.get();
      if (kind != Kind::kPacked) {
        (takes_bf16(kind) ? bf16 : f32) = true;
      } else if (order_index(order) == orders_.size()) {
        orders_.push_back(order);
      }
    }
    while (int_x_.size() < orders_.size()) int_x_.emplace_back(bits_);
    for (size_t i = 0; i < orders_.size(); ++i) {
      const float* in = orders_[i] ? reorder(x, n, k, *orders_[i]) : x;
      int_x_[i].resize(n, k);
      for_tokens(n, k, [&](size_t begin, size_t end) {
        table_.quantize(in, int_x_[i].view(), begin, end);
      });
    }
    for (const LinearJob& job : jobs) {
      const Matrix& m = *job.weight;
      if (m.packed) int_x_[order_index(m.input_order.get())].prepare_zero(m.packed->panels());
    }
    if (bf16 || f32) make_rooms(k);
    if (bf16) pack(x, n, k, table_.pack_bf16, bf16_x_);
    if (f32) pack(x, n, k, table_.pack_f32, f32_x_);
  }

  // For each thread what a plain product of k columns turns weights in.
  void make_rooms(size_t k) {
    const size_t bytes = kernels::kPlainRoomRows * (k + kernels::kPlainStep) * sizeof(float);
    if (!rooms_.empty() && rooms_.front().bytes() >= bytes) return;
    rooms_.clear();
    for (int i = 0; i < pool_.size(); ++i) rooms_.emplace_back(bytes, "work buffers");
  }

  bool takes_bf16(Kind kind) const { return kind == Kind::kBf16 && table_.bf16_activations; }

  template <typename X>
  void pack(const float* x, size_t n, size_t k,
            void (*pack_tokens)(const float*, size_t, size_t, void*, size_t, size_t),
            std::vector<X>& out) {
    constexpr size_t kStep = kernels::kPlainStep;
    const size_t room = n * ((k + kStep - 1) / kStep * kStep);
    if (out.size() < room) out.resize(room);
    for_tokens(n, k,
               [&](size_t begin, size_t end) { pack_tokens(x, n, k, out.data(), begin, end); });
  }

  // Which of orders_ and int_x_ a matrix reads; orders_.size() where it is not among them.
  size_t order_index(const InputOrder* order) const {
    return static_cast<size_t>(std::find(orders_.begin(), orders_.end(), order) - orders_.begin());
  }

  // x [n, k] as a matrix with this order reads it. Valid until the next call.
  const float* reorder(const float* x, size_t n, size_t k, const InputOrder& order) {
    if (reordered_x_.size() < n * k) reordered_x_.resize(n * k);
    for_tokens(n, k, [&](size_t begin, size_t end) {
      for (size_t t = begin; t < end; ++t) {
        for (size_t i = 0; i < k; ++i) reordered_x_[t * k + i] = x[t * k + order[i]];
      }
    });
    return reordered_x_.data();
  }

  // Rows [begin, end) of one job; panels of them where the weight is packed.
  struct Piece {
    const LinearJob* job;
    size_t begin, end;
  };

  // A job's rows as pieces that are neither so small that taking them costs something, nor so large
  // that threads wait for the last of them.
  void cut(const LinearJob& job, size_t n) {
    constexpr size_t kPieceWork = 128 * 1024;  // multiply-adds
    constexpr size_t kPiecesPerThread = 8;
    const Matrix& m = *job.weight;
    const size_t step_rows = m.packed ? kPanelRows : kernels::kPlainRoomRows;
    const size_t units = (m.rows + step_rows - 1) / step_rows;
    const size_t most = kPiecesPerThread * static_cast<size_t>(pool_.size());
    const size_t parts =
        std::clamp<size_t>(m.rows * m.cols * n / kPieceWork, 1, std::min(most, units));
    const size_t total = m.packed ? units : m.rows, step = m.packed ? 1 : step_rows;
    for (size_t i = 0; i < parts; ++i) {
      const Range part = split_range(total, step, i, parts);
      pieces_.push_back({&job, part.begin, part.end});
    }
  }

  void run_piece(const Piece& piece, size_t n, size_t thread) {
    const LinearJob& job = *piece.job;
    const Matrix& m = *job.weight;
    const kernels::Output out{job.out, job.out_stride, job.bias, job.store};
    const Kind kind = kind_of(m);
    if (kind == Kind::kPacked) {
      const kernels::IntPanels& panels = m.packed->panels();
      const auto in = int_x_[order_index(m.input_order.get())].view_for(panels);
      table_.matmul_int(panels, in, out, m.rows, piece.begin, piece.end);
      return;
    }
    const void* x = takes_bf16(kind) ? static_cast<const void*>(bf16_x_.data()) : f32_x_.data();
    const kernels::PlainMatmul args{m.data, m.rows, m.cols, x, n, out, rooms_[thread].as<float>()};
    if (kind == Kind::kF32) {
      table_.matmul_f32(args, piece.begin, piece.end);
    } else if (kind == Kind::kF16) {
      table_.matmul_f16(args, piece.begin, piece.end);
    } else {
      table_.matmul_bf16(args, piece.begin, piece.end);
    }
  }

  static void rotate_head(const QkvArgs& a, size_t token, float* head) {
    const size_t half = a.rope_dims / 2;
    const float* c = a.cosine + token * half;
    const float* s = a.sine + token * half;
    if (a.style == RopeStyle::kHalves) {
      for (size_t i = 0; i < half; ++i) {
        const float x = head[i], y = head[i + half];
        head[i] = x * c[i] - y * s[i];
        head[i + half] = y * c[i] + x * s[i];
      }
    } else {
      for (size_t i = 0; i < half; ++i) {
        const float x = head[2 * i], y = head[2 * i + 1];
        head[2 * i] = x * c[i] - y * s[i];
        head[2 * i + 1] = y * c[i] + x * s[i];
      }
    }
  }

  void rotate_token(const QkvArgs& a, const SequenceSlice& s, size_t t) {
    const KvLayout& l = a.layout;
    const size_t d = l.head_dim;
    float* row = a.qkv + t * (a.n_heads + 2 * l.n_kv_heads) * d;
    float* keys = row + a.n_heads * d;
    if (a.q_norm) table_.rms_norm({row, a.q_norm, row, a.n_heads, d, a.norm_eps});
    if (a.k_norm) table_.rms_norm({keys, a.k_norm, keys, l.n_kv_heads, d, a.norm_eps});
    for (size_t h = 0; h < a.n_heads; ++h) rotate_head(a, t, row + h * d);
    for (size_t i = 0; i < a.n_heads * d; ++i) row[i] *= a.q_scale[t];
    const size_t pos = s.start + t - s.first;
    for (size_t h = 0; h < l.n_kv_heads; ++h) {
      float* key = keys + h * d;
      rotate_head(a, t, key);
      std::byte* section = s.blocks[pos / kKvBlockTokens] + l.offset(a.layer, h);
      table_.write_kv[static_cast<size_t>(l.type)](key, key + l.n_kv_heads * d, section,
                                                   pos % kKvBlockTokens, d);
    }
  }

  // Work items are (KV head, tile of queries): the queries of one KV head's group, token by token,
  // in tiles that share the walk over the cache.
  void attend_slice(const QkvArgs& a, const SequenceSlice& s, float* out) {
    const KvLayout& l = a.layout;
    const size_t group = a.n_heads / l.n_kv_heads;
    const size_t tiles = (s.n * group + kQueryTile - 1) / kQueryTile;
    const size_t items = l.n_kv_heads * tiles, last = s.start + s.n;
    const auto body = [&](size_t, size_t i) { attend_tile(a, s, out, i / tiles, i % tiles); };
    if (s.n * a.n_heads * l.head_dim * last < kSerialWork) {
      for (size_t i = 0; i < items; ++i) body(0, i);
    } else {
      pool_.for_pieces(items, body);
    }
  }

  void attend_tile(const QkvArgs& a, const SequenceSlice& s, float* out, size_t kv_head,
                   size_t tile) {
    const KvLayout& l = a.layout;
    const size_t d = l.head_dim, group = a.n_heads / l.n_kv_heads;
    const size_t width = (a.n_heads + 2 * l.n_kv_heads) * d;
    const size_t begin = tile * kQueryTile, end = std::min(begin + kQueryTile, s.n * group);
    size_t q_offset[kQueryTile], out_offset[kQueryTile], visible[kQueryTile];
    for (size_t i = begin; i < end; ++i) {
      const size_t t = s.first + i / group, h = kv_head * group + i % group;
      q_offset[i - begin] = t * width + h * d;
      out_offset[i - begin] = t * a.n_heads * d + h * d;
      visible[i - begin] = s.start + i / group + 1;
    }
    thread_local std::vector<const void*> blocks;
    const size_t n_blocks = (visible[end - begin - 1] + kKvBlockTokens - 1) / kKvBlockTokens;
    blocks.resize(n_blocks);
    for (size_t b = 0; b < n_blocks; ++b) blocks[b] = s.blocks[b] + l.offset(a.layer, kv_head);
    table_.attention[static_cast<size_t>(l.type)](
        {a.qkv, out, q_offset, out_offset, visible, end - begin, d, blocks.data()});
  }

  const kernels::KernelTable& table_;
  ThreadPool pool_;
  ActivationBits bits_;
  std::vector<Piece> pieces_;              // of a call's products
  std::vector<const InputOrder*> orders_;  // of the call's inputs, each once; nullptr: as they come
  std::vector<IntActivationBuffer> int_x_;  // one for each of orders_
  std::vector<float> reordered_x_;
  std::vector<AlignedBuffer> rooms_;  // one a thread
  std::vector<uint16_t> bf16_x_;
  std::vector<float> f32_x_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const kernels::KernelTable& table, int n_threads,
                                          ActivationBits bits) {
  return std::make_unique<CpuBackend>(table, n_threads, bits);
}

}  // namespace heng::ops
