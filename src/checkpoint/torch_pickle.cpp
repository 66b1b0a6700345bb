#include "checkpoint/torch_pickle.h"

#include <array>
#include <unordered_set>

#include "base/message.h"
#include "checkpoint/pickle_machine.h"

namespace heng::checkpoint {
namespace {

constexpr size_t kMaxDims = 8;

struct KnownClass {
  std::string_view module, name;
  PickleMachine::Class named;
  DType dtype = DType::kU8;
};

// All that a pickle may name.
using Class = PickleMachine::Class;
constexpr std::array<KnownClass, 15> kKnown{{
    {"collections", "OrderedDict", Class::kOrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", Class::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", Class::kRebuildParameter},
    {"torch", "DoubleStorage", Class::kStorage, DType::kF64},
    {"torch", "FloatStorage", Class::kStorage, DType::kF32},
    {"torch", "HalfStorage", Class::kStorage, DType::kF16},
    {"torch", "BFloat16Storage", Class::kStorage, DType::kBF16},
    {"torch", "LongStorage", Class::kStorage, DType::kI64},
    {"torch", "IntStorage", Class::kStorage, DType::kI32},
    {"torch", "ShortStorage", Class::kStorage, DType::kI16},
    {"torch", "CharStorage", Class::kStorage, DType::kI8},
    {"torch", "ByteStorage", Class::kStorage, DType::kU8},
    {"torch", "BoolStorage", Class::kStorage, DType::kBool},
    {"torch", "UntypedStorage", Class::kStorage, DType::kU8},
    {"torch.storage", "UntypedStorage", Class::kStorage, DType::kU8},
}};

std::string class_text(std::string_view module, std::string_view name) {
  return printable(module) + "." + printable(name);
}

}  // namespace

void PickleMachine::push_class(std::string_view module, std::string_view name) {
  for (const KnownClass& known : kKnown) {
    if (known.module != module || known.name != name) continue;
    return push({.kind = Kind::kClass, .named = known.named, .dtype = known.dtype});
  }
  refuse(class_text(module, name));
}

// INST is protocol 0's call: nothing we read needs it, but what it would have called is worth
// saying.
void PickleMachine::refuse_instance() {
  const auto module = read_line();
  refuse(class_text(module, read_line()));
}

void PickleMachine::call() {
  const Index args_index = pop();
  const Value& callee = values_[pop()];
  const Value& args = values_[args_index];
  if (callee.kind != Kind::kClass) refuse("a call of something that is no class");
  if (args.kind != Kind::kTuple) fail("a call without a tuple of arguments");
  switch (callee.named) {
    case Class::kOrderedDict:
      if (!args.items.empty()) refuse("a collections.OrderedDict made from arguments");
      return push({.kind = Kind::kDict});
    case Class::kRebuildTensor:
      return rebuild_tensor(args.items);
    case Class::kRebuildParameter:
      // (tensor, requires_grad, backward_hooks): the tensor itself
      if (args.items.empty() || values_[args.items[0]].kind != Kind::kTensor) {
        fail("a parameter without a tensor");
      }
      return stack_.push_back(args.items[0]);
    case Class::kStorage:
      refuse("a call of a storage class");
  }
}

// state_dict() carries its version numbers as attributes of the dictionary; no tensor needs them.
void PickleMachine::build() {
  const Value& state = values_[pop()];
  if (stack_.empty() || values_[stack_.back()].kind != Kind::kDict || state.kind != Kind::kDict) {
    refuse("setting the state of an object that is no dictionary");
  }
}

uint64_t PickleMachine::size_of(Index integer, const char* what) const {
  const Value& value = values_[integer];
  if (value.kind != Kind::kInteger || value.number < 0) {
    fail(std::string(what) + ": expected a whole number from 0 on");
  }
  return static_cast<uint64_t>(value.number);
}

std::vector<uint64_t> PickleMachine::sizes(Index tuple, const char* what) const {
  const Value& value = values_[tuple];
  if (value.kind != Kind::kTuple || value.items.size() > kMaxDims) {
    fail(std::string(what) + ": expected a tuple of at most " + std::to_string(kMaxDims) +
         " numbers");
  }
  std::vector<uint64_t> out;
  for (const Index item : value.items) out.push_back(size_of(item, what));
  return out;
}

// ("storage", class, key, location, elements)
void PickleMachine::persistent_storage() {
  const Value& id = values_[pop()];
  const auto has = [&](size_t i, Kind kind) { return values_[id.items[i]].kind == kind; };
  const bool is_storage = id.kind == Kind::kTuple && id.items.size() == 5 && has(0, Kind::kText) &&
                          values_[id.items[0]].text == "storage" && has(1, Kind::kClass) &&
                          values_[id.items[1]].named == Class::kStorage && has(2, Kind::kText) &&
                          has(3, Kind::kText);
  if (!is_storage) fail("a persistent id that is no storage");
  storages_.push_back({.key = values_[id.items[2]].text,
                       .dtype = values_[id.items[1]].dtype,
                       .n_elements = size_of(id.items[4], "a storage's length")});
  push({.kind = Kind::kStorage, .number = static_cast<int64_t>(storages_.size() - 1)});
}

// (storage, offset, sizes, strides, requires_grad, backward_hooks[, metadata])
void PickleMachine::rebuild_tensor(const std::vector<Index>& args) {
  if (args.size() < 6 || args.size() > 7 || values_[args[0]].kind != Kind::kStorage) {
    fail("a tensor with other arguments than a storage, offset, sizes and strides");
  }
  TorchTensor tensor;
  tensor.storage = storages_[static_cast<size_t>(values_[args[0]].number)];
  tensor.offset = size_of(args[1], "a tensor's offset");
  tensor.shape = sizes(args[2], "a tensor's sizes");
  tensor.strides = sizes(args[3], "a tensor's strides");
  if (tensor.shape.size() != tensor.strides.size()) fail("a tensor with more sizes than strides");
  tensors_.push_back(std::move(tensor));
  push({.kind = Kind::kTensor, .number = static_cast<int64_t>(tensors_.size() - 1)});
}

std::vector<NamedTorchTensor> read_torch_pickle(std::span<const std::byte> pickle,
                                                std::string_view file) {
  using Kind = PickleMachine::Kind;
  PickleMachine machine(pickle, file);
  const auto& result = machine.run();
  if (result.kind != Kind::kDict) machine.fail("expected one dictionary of tensors");
  std::vector<NamedTorchTensor> out;
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < result.items.size(); i += 2) {
    const auto& key = machine.value(result.items[i]);
    const auto& value = machine.value(result.items[i + 1]);
    if (key.kind != Kind::kText) machine.fail("a key that is no text");
    if (!names.insert(key.text).second) machine.fail(printable(key.text) + " is there twice");
    if (value.kind == Kind::kTensor) {
      out.push_back({std::string(key.text), machine.tensor(value)});
    } else if (value.kind > Kind::kText) {
      throw Error(ErrorCode::kUnsupported,
                  std::string(file) + ": " + printable(key.text) +
                      " is no tensor. Save model.state_dict() alone, as the Hugging Face "
                      "libraries do.");
    }
  }
  return out;
}

}  // namespace heng::checkpoint
