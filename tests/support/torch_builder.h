// Writes files as torch.save does, opcode by opcode, so that a test can also write what torch never
// would.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "support/file_bytes.h"
#include "support/zip_builder.h"

namespace heng::test {

// A pickle under construction; the names are those of pickletools.py.
class Pickle {
 public:
  explicit Pickle(uint8_t protocol = 2) { op(0x80).op(protocol); }

  Pickle& op(uint8_t byte) { return append(std::string(1, static_cast<char>(byte))); }
  Pickle& append(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  Pickle& mark() { return op('('); }
  Pickle& none() { return op('N'); }
  Pickle& new_false() { return op(0x89); }
  Pickle& reduce() { return op('R'); }
  Pickle& tuple() { return op('t'); }
  Pickle& empty_tuple() { return op(')'); }
  Pickle& empty_dict() { return op('}'); }
  Pickle& set_items() { return op('u'); }
  Pickle& memoize() { return op(0x94); }
  Pickle& binget(uint8_t slot) { return op('h').op(slot); }
  Pickle& integer(int32_t value) { return op('J').append(little_endian(value)); }
  Pickle& long1(std::string_view bytes) {
    return op(0x8a).op(static_cast<uint8_t>(bytes.size())).append(bytes);
  }
  Pickle& text(std::string_view value) {
    return op('X').append(little_endian(static_cast<uint32_t>(value.size()))).append(value);
  }
  Pickle& global(std::string_view module, std::string_view name) {
    return op('c').append(module).op('\n').append(name).op('\n');
  }
  Pickle& stack_global(std::string_view module, std::string_view name) {
    return text(module).text(name).op(0x93);
  }
  Pickle& inst(std::string_view module, std::string_view name) {
    return op('i').append(module).op('\n').append(name).op('\n');
  }
  Pickle& integers(const std::vector<int32_t>& values) {
    mark();
    for (const int32_t value : values) integer(value);
    return tuple();
  }
  Pickle& ordered_dict() { return global("collections", "OrderedDict").empty_tuple().reduce(); }
  Pickle& storage(const std::string& type, const std::string& key, int32_t n_elements) {
    return mark()
        .text("storage")
        .global("torch", type)
        .text(key)
        .text("cpu")
        .integer(n_elements)
        .tuple()
        .op('Q');
  }
  // A whole call of _rebuild_tensor_v2.
  Pickle& tensor(const std::string& type, const std::string& key, int32_t n_elements,
                 int32_t offset, const std::vector<int32_t>& shape,
                 const std::vector<int32_t>& strides) {
    global("torch._utils", "_rebuild_tensor_v2").mark().storage(type, key, n_elements);
    integer(offset).integers(shape).integers(strides).new_false().ordered_dict();
    return tuple().reduce();
  }

  size_t size() const { return bytes_.size(); }
  // With STOP.
  std::string bytes() const { return bytes_ + '.'; }

 private:
  std::string bytes_;
};

// Tensors of f32, each with a storage of its own, in one dictionary.
class TorchBuilder {
 public:
  TorchBuilder() { pickle_.empty_dict().mark(); }

  // `values` as they are stored; `shape` and `strides` in elements say how they are read.
  TorchBuilder& add(const std::string& name, const std::vector<int32_t>& shape,
                    const std::vector<int32_t>& strides, std::span<const float> values,
                    int32_t offset = 0) {
    const std::string key = std::to_string(n_storages_++);
    const auto n = static_cast<int32_t>(values.size());
    pickle_.text(name).tensor("FloatStorage", key, n, offset, shape, strides);
    storages_.push_back({"m/data/" + key, plain_bytes(DType::kF32, values)});
    return *this;
  }
  // Anything as a pair of the dictionary, and any storage.
  Pickle& pickle() { return pickle_; }
  TorchBuilder& add_storage(const std::string& key, std::string_view bytes) {
    storages_.push_back({"m/data/" + key, std::string(bytes)});
    return *this;
  }

  ZipBuilder zip() const { return zip_around(Pickle(pickle_).set_items().bytes()); }
  ZipBuilder zip_around(std::string_view pickle) const {
    ZipBuilder zip;
    zip.add("m/data.pkl", pickle).add("m/byteorder", "little");
    for (const auto& [name, data] : storages_) zip.add(name, data);
    zip.zip64 = true;
    return zip;
  }
  std::string bytes() const { return zip().bytes(); }

 private:
  struct Storage {
    std::string name, data;
  };
  Pickle pickle_;
  std::vector<Storage> storages_;
  int n_storages_ = 0;
};

}  // namespace heng::test
