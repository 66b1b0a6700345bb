// Malformed torch files: archives that lie, tensors that their storages do not hold, for
// malformed_files_test.cpp.
#include "malformed.h"
#include "support/torch_builder.h"

namespace heng::test {
namespace {

const std::vector<float> kSix{1, 2, 3, 4, 5, 6};

TorchBuilder good() {
  return TorchBuilder().add("a", {2, 3}, {3, 1}, kSix).add("t", {3, 2}, {1, 3}, kSix);
}

// `good` with one entry changed; entry 2 is the first storage.
template <typename Change>
std::string changed(const Change& change) {
  ZipBuilder zip = good().zip();
  change(zip);
  return zip.bytes();
}
template <typename Change>
std::string changed_entry(const Change& change) {
  return changed([&](ZipBuilder& zip) { change(zip.entries[2]); });
}

void add_entry_lies(MalformedFiles& files) {
  for (const uint32_t size : {0u, 1u, 23u, 25u, 1000u, 1u << 31, UINT32_MAX - 1, UINT32_MAX}) {
    const std::string n = std::to_string(size);
    files.add("stored size " + n, changed_entry([&](ZipEntry& e) { e.central_stored = size; }),
              "m/data/0");
    files.add("full size " + n, changed_entry([&](ZipEntry& e) { e.central_full = size; }),
              "m/data/0");
    files.add("both sizes " + n,
              changed_entry([&](ZipEntry& e) { e.central_stored = e.central_full = size; }));
    if (size == UINT32_MAX) continue;  // "see the zip64 field", which may be absent
    files.add("local stored size " + n, changed_entry([&](ZipEntry& e) { e.local_stored = size; }),
              "disagrees");
    files.add("local full size " + n, changed_entry([&](ZipEntry& e) { e.local_full = size; }),
              "disagrees");
  }
  for (const uint32_t start : {0u, 1u, 7u, 1u << 20, 1u << 31, UINT32_MAX - 1, UINT32_MAX}) {
    files.add("place " + std::to_string(start),
              changed_entry([&](ZipEntry& e) { e.central_start = start; }));
  }
  for (const uint16_t method : {1, 8, 9, 12, 14, 93, 99, 65535}) {
    files.add("method " + std::to_string(method),
              changed_entry([&](ZipEntry& e) { e.method = method; }), "compressed");
    files.add("local method " + std::to_string(method),
              changed_entry([&](ZipEntry& e) { e.local_method = method; }), "disagrees");
  }
  files.add("a bomb: a deflated entry that claims 4 GB", changed_entry([](ZipEntry& e) {
              e.method = 8;
              e.central_full = e.local_full = UINT32_MAX - 1;
            }),
            "compressed");
  for (const uint16_t flags : {1, 64, 8192, 8193}) {
    files.add("encrypted, flags " + std::to_string(flags),
              changed_entry([&](ZipEntry& e) { e.flags = flags; }), "encrypted");
    files.add("locally encrypted, flags " + std::to_string(flags),
              changed_entry([&](ZipEntry& e) { e.local_flags = flags; }), "disagrees");
  }
  for (const char* name : {"", "m/data/1", "m/data/00", "M/data/0", "m/data/0\n"}) {
    files.add(std::string("local name ") + name,
              changed_entry([&](ZipEntry& e) { e.local_name = name; }));
  }
  for (const std::string& extra : {std::string("\1"), std::string("\1\0\10", 3),
                                   std::string("\1\0\10\0", 4), std::string("\1\0\377\377", 4),
                                   std::string("\2\0\1\0", 4), std::string("\1\0\10\0\1\2", 6)}) {
    files.add("cut extra field", changed_entry([&](ZipEntry& e) { e.central_extra = extra; }));
  }
  for (const uint64_t size : {uint64_t{0}, uint64_t{25}, uint64_t{1} << 32, uint64_t{1} << 63,
                              UINT64_MAX, UINT64_MAX - 100}) {
    files.add("zip64 size " + std::to_string(size), changed_entry([&](ZipEntry& e) {
                e.central_stored = e.central_full = UINT32_MAX;
                e.central_extra =
                    std::string("\1\0\20\0", 4) + little_endian(size) + little_endian(size);
              }));
    files.add("zip64 place " + std::to_string(size), changed_entry([&](ZipEntry& e) {
                e.central_start = UINT32_MAX;
                e.central_extra = std::string("\1\0\10\0", 4) + little_endian(size);
              }));
  }
}

void add_directory_lies(MalformedFiles& files) {
  for (const bool zip64 : {false, true}) {
    for (const uint64_t n : {0, 1, 3, 5, 100, 65534}) {
      files.add("entries " + std::to_string(n), changed([&](ZipBuilder& zip) {
                  zip.zip64 = zip64;
                  zip.n_entries = n;
                }));
      files.add("directory at " + std::to_string(n), changed([&](ZipBuilder& zip) {
                  zip.zip64 = zip64;
                  zip.directory_start = n;
                }));
      files.add("directory of " + std::to_string(n), changed([&](ZipBuilder& zip) {
                  zip.zip64 = zip64;
                  zip.directory_bytes = n;
                }));
    }
    files.add("a comment longer than the file", changed([&](ZipBuilder& zip) {
                zip.zip64 = zip64;
                zip.comment_bytes = 1;
              }),
              "no zip directory");
  }
  for (const uint64_t n : {uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX,
                           UINT64_MAX / 46, uint64_t{1} << 58}) {
    files.add("zip64 entries", changed([&](ZipBuilder& zip) { zip.n_entries = n; }));
    files.add("zip64 directory", changed([&](ZipBuilder& zip) { zip.directory_start = n; }));
    files.add("zip64 bytes", changed([&](ZipBuilder& zip) { zip.directory_bytes = n; }));
    files.add("zip64 record", changed([&](ZipBuilder& zip) { zip.record_start = n; }));
  }
  files.add("an entry twice",
            changed([](ZipBuilder& zip) { zip.entries.push_back(zip.entries[2]); }), "twice");
  files.add("two entries in one place", changed([](ZipBuilder& zip) {
              zip.entries[3].central_start = 0;
              zip.entries[3].name = zip.entries[0].name;
            }));
  files.add("overlapping entries", changed([](ZipBuilder& zip) {
              // The pickle's entry runs over the next one: a quine of stored entries.
              ZipEntry& pickle = zip.entries[0];
              const auto size = static_cast<uint32_t>(pickle.data.size() + 40);
              pickle.central_stored = pickle.central_full = size;
              pickle.local_stored = pickle.local_full = size;
            }),
            "overlaps");
  files.add("no pickle", ZipBuilder().add("m/byteorder", "little").bytes(), "without data.pkl");
  files.add("an empty archive", ZipBuilder().bytes(), "without data.pkl");
  files.add("two pickles",
            changed([](ZipBuilder& zip) { zip.add("n/data.pkl", zip.entries[0].data); }),
            "two pickles");
  files.add("big-endian numbers", changed([](ZipBuilder& zip) { zip.entries[1].data = "big"; }),
            "byteorder");
  files.add("a storage is missing", changed([](ZipBuilder& zip) { zip.entries.pop_back(); }),
            "data/1, which is not in the archive");
  files.add("a torch file of before 1.6", std::string("\x80\x02\x8a\x0al\xfc\x9c", 7) + "F",
            "before version 1.6");
}

// One tensor over a storage of six floats.
std::string tensor_file(const std::vector<int32_t>& shape, const std::vector<int32_t>& strides,
                        int32_t offset, int32_t n_elements = 6, const char* type = "FloatStorage") {
  TorchBuilder file;
  file.pickle().text("w").tensor(type, "s", n_elements, offset, shape, strides);
  return file.add_storage("s", plain_bytes(DType::kF32, kSix)).bytes();
}

void add_tensor_lies(MalformedFiles& files) {
  const int32_t max = INT32_MAX;
  struct Lie {
    std::vector<int32_t> shape, strides;
    int32_t offset;
  };
  for (const Lie& lie :
       std::vector<Lie>{{{7}, {1}, 0},
                        {{6}, {1}, 1},
                        {{2, 3}, {4, 1}, 0},
                        {{2, 3}, {3, 2}, 0},
                        {{2, 3}, {3, 1}, 1},
                        {{1}, {1}, 6},
                        {{1}, {1}, max},
                        {{2}, {max}, 0},
                        {{max}, {1}, 0},
                        {{max, max}, {0, 0}, 0},
                        {{max, max, max}, {0, 0, 0}, 0},
                        {{max, max, max}, {max, max, max}, max},
                        {{1000, 1000}, {0, 0}, 0},
                        {{7}, {0}, 0},
                        {{2, 6}, {0, 1}, 0},
                        {{-1}, {1}, 0},
                        {{2, 3}, {-3, 1}, 0},
                        {{6}, {1}, -1},
                        {{6}, {1, 1}, 0},
                        {{2, 3}, {1}, 0},
                        {{6}, {}, 0},
                        {{1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 0},
                        {{0}, {1}, 7}}) {
    files.add("a tensor that its storage does not hold",
              tensor_file(lie.shape, lie.strides, lie.offset));
  }
  for (const int32_t n : {-1, 0, 5, 7, 12, max, INT32_MIN}) {
    files.add("a storage of " + std::to_string(n), tensor_file({1}, {1}, 0, n));
  }
  for (const char* type : {"DoubleStorage", "HalfStorage", "LongStorage", "ByteStorage",
                           "BFloat16Storage", "ShortStorage", "CharStorage", "BoolStorage"}) {
    files.add(std::string("6 numbers as ") + type, tensor_file({6}, {1}, 0, 6, type), "data/s");
  }
  for (const char* type :
       {"ComplexFloatStorage", "QInt8Storage", "floatStorage", "Storage", "FloatTensor", "load"}) {
    files.add(std::string("storage ") + type, tensor_file({6}, {1}, 0, 6, type),
              std::string("refuses torch.") + type);
  }
  TorchBuilder copies;  // each copy is honest, a hundred of one storage are not
  for (int i = 0; i < 100; ++i) {
    copies.pickle()
        .text("w" + std::to_string(i))
        .tensor("FloatStorage", "s", 6000, 0, {2, 3000}, {1, 2});
  }
  const std::vector<float> zeros(6000);
  files.add("one storage copied again and again",
            copies.add_storage("s", plain_bytes(DType::kF32, zeros)).bytes(),
            "share stored numbers");
}

}  // namespace

std::vector<MalformedFile> malformed_torch() {
  MalformedFiles files(Reader::kTorch);
  add_entry_lies(files);
  add_directory_lies(files);
  add_tensor_lies(files);
  const std::string bytes = TorchBuilder().add("a", {2, 3}, {3, 1}, kSix).bytes();
  files.add_truncations(bytes);
  files.add_flips(bytes);
  files.add_numbers(bytes, bytes.size());
  return files.take();
}

}  // namespace heng::test
