// A pickle machine for what torch.save writes about tensors, and nothing else. It has no way to
// import, call or set anything: the few class names it knows stand for tensors and dictionaries of
// our own, every other name and every opcode that such files do not need is refused where it
// stands, with its byte. Source: CPython Lib/pickletools.py (opcodes of protocols 2 to 5),
// torch/_utils.py, torch/serialization.py.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace heng::checkpoint {

struct TorchStorage {
  std::string_view key;  // the archive's entry data/<key>; borrowed from the pickle
  DType dtype = DType::kF32;
  uint64_t n_elements = 0;
};

// A tensor as the pickle describes it; nothing is checked against the storage's bytes yet.
struct TorchTensor {
  TorchStorage storage;
  uint64_t offset = 0;            // of its first element, in elements
  Shape shape;                    // at most 8 sizes
  std::vector<uint64_t> strides;  // as many, in elements
};

struct NamedTorchTensor {
  std::string name;
  TorchTensor tensor;
};

// The tensors of the one dictionary that the pickle holds, in its order. Numbers and texts beside
// them are passed over. `pickle` must outlive the result. Throws Error kCorrupt; kUnsupported for
// what is refused: nothing has been run then, as nothing ever is.
std::vector<NamedTorchTensor> read_torch_pickle(std::span<const std::byte> pickle,
                                                std::string_view file);

}  // namespace heng::checkpoint
