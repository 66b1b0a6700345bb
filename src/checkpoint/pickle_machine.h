// The stack machine under torch_pickle.h: opcodes in, values out. Values live in one array and name
// each other by index, so cycles and shared items cost nothing and nothing here recurses. Each
// opcode makes at most one value, and a pickle has at most kMaxOpcodes of them. Borrows the pickle.
// One run per object.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "checkpoint/torch_pickle.h"

namespace heng::checkpoint {

class PickleMachine {
 public:
  using Index = uint32_t;  // of a value

  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInteger,
    kFloat,
    kText,
    kTuple,
    kList,
    kDict,
    kClass,
    kStorage,
    kTensor,
  };
  // What a class name stands for; everything else is refused.
  enum class Class : uint8_t { kOrderedDict, kRebuildTensor, kRebuildParameter, kStorage };

  struct Value {
    Kind kind = Kind::kNone;
    Class named = Class::kStorage;  // kClass
    DType dtype = DType::kF32;      // kClass of a storage
    int64_t number = 0;             // kInteger; kStorage, kTensor: index of the side table
    std::string_view text{};        // kText
    std::vector<Index> items{};     // kTuple, kList; kDict: key, value, key, value, ...
  };

  PickleMachine(std::span<const std::byte> pickle, std::string_view file)
      : reader_(pickle, file), file_(file) {}

  // Runs to STOP and returns what it leaves.
  const Value& run();

  const Value& value(Index index) const { return values_[index]; }
  const TorchTensor& tensor(const Value& value) const {
    return tensors_[static_cast<size_t>(value.number)];
  }

  // Error kCorrupt and kUnsupported, with the file and the current opcode's byte.
  [[noreturn]] void fail(const std::string& text) const;
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  // Each takes the opcodes of one group and returns false for others.
  bool step_constant(uint8_t op);
  bool step_container(uint8_t op);
  bool step_memo(uint8_t op);
  bool step_object(uint8_t op);

  void push(Value value);
  void push_integer(int64_t number);
  void push_text(uint64_t length);
  void push_long();
  void push_tuple(std::vector<Index> items);
  void push_class(std::string_view module, std::string_view name);
  Index pop();
  std::vector<Index> pop_to_mark();
  std::vector<Index> pop_several(size_t n);
  Value& top(Kind kind, const char* what);
  void memo_put(uint64_t slot);
  void memo_get(uint64_t slot);
  std::string_view read_line();
  [[noreturn]] void refuse_instance();

  void call();  // REDUCE
  void build();
  void persistent_storage();
  void rebuild_tensor(const std::vector<Index>& args);
  std::vector<uint64_t> sizes(Index tuple, const char* what) const;
  uint64_t size_of(Index integer, const char* what) const;

  ByteReader reader_;
  std::string_view file_;
  uint64_t opcode_at_ = 0;
  std::vector<Value> values_;
  std::vector<Index> stack_;
  std::vector<size_t> marks_;  // stack heights
  std::unordered_map<uint64_t, Index> memo_;
  std::vector<TorchStorage> storages_;
  std::vector<TorchTensor> tensors_;
};

}  // namespace heng::checkpoint
