// A file of torch.save: the zip entries <any>/data.pkl, <any>/byteorder (newer files) and
// <any>/data/<key>.
#include <algorithm>
#include <cstring>
#include <new>

#include "base/message.h"
#include "checkpoint/parse.h"
#include "checkpoint/torch_pickle.h"
#include "checkpoint/zip_directory.h"

namespace heng::checkpoint {
namespace {

constexpr uint64_t kMaxPickleBytes = 32u << 20;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class TorchReader {
 public:
  TorchReader(std::span<const std::byte> bytes, std::string_view file)
      : bytes_(bytes), file_(file), entries_(read_zip_directory(bytes, file)) {}

  ParsedFile read() {
    const auto pickle = find_pickle();
    for (const NamedTorchTensor& named : read_torch_pickle(pickle, file_)) add(named);
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& text) const {
    throw Error(ErrorCode::kCorrupt, std::string(file_) + ": " + text);
  }
  std::span<const std::byte> find_pickle();
  std::span<const std::byte> find_storage(const TorchStorage& storage,
                                          const std::string& what) const;
  void add(const NamedTorchTensor& named);
  const std::byte* copy_contiguous(const TorchTensor& tensor, uint64_t n_bytes,
                                   std::span<const std::byte> storage, const std::string& what);

  std::span<const std::byte> bytes_;
  std::string_view file_;
  ZipDirectory entries_;
  std::string folder_;  // "archive/"
  uint64_t copied_bytes_ = 0;
  ParsedFile out_;
};

std::span<const std::byte> TorchReader::find_pickle() {
  constexpr std::string_view kName = "/data.pkl";
  const std::string* found = nullptr;
  for (const auto& [name, data] : entries_) {
    if (!name.ends_with(kName)) continue;
    if (found) fail("holds two pickles, " + printable(*found) + " and " + printable(name) + ".");
    found = &name;
  }
  if (!found) fail("a zip archive without data.pkl: no torch file.");
  folder_ = found->substr(0, found->size() - kName.size() + 1);
  const auto order = entries_.find(folder_ + "byteorder");
  if (order != entries_.end() && as_text(order->second) != "little") {
    fail("byteorder is " + printable(as_text(order->second)) + ", supported is little.");
  }
  const auto pickle = entries_.find(*found)->second;
  if (pickle.size() > kMaxPickleBytes) {
    fail("data.pkl has " + with_commas(pickle.size()) + " bytes, expected at most " +
         with_commas(kMaxPickleBytes) + ".");
  }
  return pickle;
}

std::span<const std::byte> TorchReader::find_storage(const TorchStorage& storage,
                                                     const std::string& what) const {
  const auto it = entries_.find(folder_ + "data/" + std::string(storage.key));
  if (it == entries_.end()) {
    fail(what + " is stored in data/" + printable(storage.key) +
         ", which is not in the archive. The file is damaged.");
  }
  const uint64_t item_bytes = dtype_size(storage.dtype).block_bytes;
  if (it->second.size() / item_bytes != storage.n_elements || it->second.size() % item_bytes != 0) {
    fail(what + ": data/" + printable(storage.key) + " has " + with_commas(it->second.size()) +
         " bytes, expected " + with_commas(storage.n_elements) + " numbers of " +
         std::to_string(item_bytes) + " bytes. The file is damaged.");
  }
  return it->second;
}

// Rows follow each other with no gap; the stride of a size of 1 means nothing.
bool is_contiguous(const TorchTensor& tensor) {
  uint64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];  // cannot overflow: element_count() passed
  }
  return true;
}

// One more than the last element that the tensor reaches; UINT64_MAX where that overflows.
uint64_t reached_end(const TorchTensor& tensor) {
  uint64_t last = tensor.offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    uint64_t span = 0;
    if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &span) ||
        __builtin_add_overflow(last, span, &last)) {
      return UINT64_MAX;
    }
  }
  return last == UINT64_MAX ? last : last + 1;
}

void TorchReader::add(const NamedTorchTensor& named) {
  const TorchTensor& tensor = named.tensor;
  const std::string what = "tensor " + printable(named.name);
  const auto storage = find_storage(tensor.storage, what);
  const uint64_t count = element_count(tensor.shape, std::string(file_) + ": " + what);
  const uint64_t end = count == 0 ? tensor.offset : reached_end(tensor);
  if (end > tensor.storage.n_elements) {
    fail(what + " reaches past the end of data/" + printable(tensor.storage.key) + ", which has " +
         with_commas(tensor.storage.n_elements) + " numbers. The file is damaged.");
  }
  const uint64_t item_bytes = dtype_size(tensor.storage.dtype).block_bytes;
  const std::byte* data = storage.data() + tensor.offset * item_bytes;
  if (count > 0 && !is_contiguous(tensor)) {
    // Repeated rows (strides of 0) would let a small file ask for any amount of memory.
    if (count > tensor.storage.n_elements) {
      throw Error(ErrorCode::kUnsupported, std::string(file_) + ": " + what + " " +
                                               to_string(tensor.shape) +
                                               " repeats stored numbers. Save it contiguous.");
    }
    data = copy_contiguous(tensor, count * item_bytes, storage, what);
  }
  out_.tensors.push_back({.name = named.name,
                          .view = {tensor.storage.dtype, tensor.shape, data},
                          .file = std::string(file_)});
}

const std::byte* TorchReader::copy_contiguous(const TorchTensor& tensor, uint64_t n_bytes,
                                              std::span<const std::byte> storage,
                                              const std::string& what) {
  // Each storage holds one tensor in honest files; hostile ones name one storage again and again.
  copied_bytes_ += n_bytes;
  if (copied_bytes_ > bytes_.size()) {
    throw Error(ErrorCode::kUnsupported,
                std::string(file_) + ": " + what +
                    " and others share stored numbers in different orders. Save them contiguous.");
  }
  const size_t item_bytes = dtype_size(tensor.storage.dtype).block_bytes;
  auto& owned = out_.owned.emplace_back(new std::byte[n_bytes]);
  std::vector<uint64_t> at(tensor.shape.size(), 0);
  uint64_t source = tensor.offset;
  for (std::byte* to = owned.get(); to != owned.get() + n_bytes; to += item_bytes) {
    std::memcpy(to, storage.data() + source * item_bytes, item_bytes);
    for (size_t i = at.size(); i-- > 0;) {  // the next element in row-major order
      source += tensor.strides[i];
      if (++at[i] < tensor.shape[i]) break;
      source -= tensor.strides[i] * tensor.shape[i];  // may wrap around; the sum is right again
      at[i] = 0;
    }
  }
  return owned.get();
}

}  // namespace

ParsedFile parse_torch_file(std::span<const std::byte> bytes, std::string_view file) {
  check_not_placeholder(bytes, file);
  const std::string_view head = as_text(bytes.subspan(0, std::min<size_t>(bytes.size(), 4)));
  if (head.starts_with('\x80')) {
    throw Error(ErrorCode::kUnsupported,
                std::string(file) +
                    ": a torch file of before version 1.6 (a bare pickle). Save it again with a "
                    "newer torch, or use the model's safetensors copy.");
  }
  return TorchReader(bytes, file).read();
}

}  // namespace heng::checkpoint
