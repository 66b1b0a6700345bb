// Malformed pickles: attacks by every road a pickle has, and broken ones, for
// malformed_files_test.cpp.
#include "malformed.h"
#include "support/torch_builder.h"

namespace heng::test {
namespace {

struct Name {
  const char *module, *name;
  std::string text() const { return std::string(module) + "." + name; }
};

// What is called in pickles that attack, and close neighbours of the names that are allowed.
constexpr Name kDangerous[] = {
    {"posix", "system"},
    {"nt", "system"},
    {"os", "system"},
    {"os", "popen"},
    {"os", "execv"},
    {"subprocess", "Popen"},
    {"subprocess", "call"},
    {"subprocess", "check_output"},
    {"builtins", "eval"},
    {"builtins", "exec"},
    {"builtins", "getattr"},
    {"builtins", "__import__"},
    {"builtins", "open"},
    {"builtins", "compile"},
    {"__builtin__", "eval"},
    {"importlib", "import_module"},
    {"pickle", "loads"},
    {"marshal", "loads"},
    {"types", "FunctionType"},
    {"functools", "partial"},
    {"operator", "attrgetter"},
    {"runpy", "run_path"},
    {"shutil", "rmtree"},
    {"socket", "create_connection"},
    {"ctypes", "CDLL"},
    {"webbrowser", "open"},
    {"__main__", "x"},
    {"torch", "load"},
    {"torch.hub", "load"},
    {"torch.jit", "load"},
    {"torch.storage", "_load_from_bytes"},
    {"torch._utils", "_rebuild_tensor"},
    {"torch._utils", "__builtins__"},
    {"torch._utils", "_rebuild_tensor_v2.__globals__"},
    {"torch", "FloatStorage.__init__"},
    {"torch.serialization", "load"},
    {"numpy.core.multiarray", "_reconstruct"},
    {"collections", "defaultdict"},
    {"collections", "OrderedDict.fromkeys"},
    {"collections", "abc"},
    {"Collections", "OrderedDict"},
    {"", "OrderedDict"},
};

// The ways a pickle has to use a name.
void add_attacks(MalformedFiles& files, const Name& n) {
  const std::string refused = "refuses " + n.text() + " (pickle opcode at byte";
  const auto add = [&](const char* way, const Pickle& pickle) {
    files.add(n.text() + " by " + way, pickle.bytes(), refused);
  };
  add("GLOBAL, REDUCE", Pickle().global(n.module, n.name).text("id").op(0x85).reduce());
  add("STACK_GLOBAL, REDUCE",
      Pickle(4).stack_global(n.module, n.name).text("id").op(0x85).reduce());
  add("INST", Pickle().mark().text("id").inst(n.module, n.name));
  add("OBJ", Pickle().mark().global(n.module, n.name).text("id").op('o'));
  add("NEWOBJ", Pickle().global(n.module, n.name).text("id").op(0x85).op(0x81));
  add("NEWOBJ_EX", Pickle(4).global(n.module, n.name).text("id").op(0x85).empty_dict().op(0x92));
  add("BUILD", Pickle().global(n.module, n.name).empty_dict().op('b'));
  add("the memo", Pickle(4)
                      .text(n.name)
                      .memoize()
                      .text(n.module)
                      .memoize()
                      .binget(0)
                      .op(0x93)
                      .empty_tuple()
                      .reduce());
  add("a tensor's hooks", Pickle()
                              .global("torch._utils", "_rebuild_tensor_v2")
                              .mark()
                              .storage("FloatStorage", "0", 1)
                              .integer(0)
                              .integers({1})
                              .integers({1})
                              .new_false()
                              .global(n.module, n.name));
  add("a dictionary's key", Pickle().empty_dict().global(n.module, n.name).none().op('s'));
}

// Allowed names and opcodes, used for something else than tensors.
void add_misuse(MalformedFiles& files) {
  const auto refuse = [&](const char* claim, const Pickle& pickle) {
    files.add(claim, pickle.bytes(), "refuses ");
  };
  refuse("a storage called", Pickle().global("torch", "FloatStorage").empty_tuple().reduce());
  refuse("a dictionary from arguments",
         Pickle().global("collections", "OrderedDict").integer(1).op(0x85).reduce());
  refuse("a number called", Pickle().integer(1).empty_tuple().reduce());
  refuse("a dictionary called", Pickle().empty_dict().empty_tuple().reduce());
  refuse("state for a tensor",
         Pickle().tensor("FloatStorage", "0", 1, 0, {1}, {1}).empty_dict().op('b'));
  refuse("state for a class", Pickle().global("torch", "FloatStorage").empty_dict().op('b'));
  refuse("state for nothing", Pickle().empty_dict().op('b'));
  refuse("state that is no dictionary", Pickle().empty_dict().integer(1).op('b'));
  for (const int protocol : {0, 1, 6, 255}) {
    refuse("another protocol", Pickle(static_cast<uint8_t>(protocol)).empty_dict());
  }
  // Every opcode that is not in the list of the machine.
  constexpr std::string_view kKnown =
      "(.NJKMGX)t]ae}suqhrjcRbQi\x80\x85\x86\x87\x88\x89\x8a\x8c\x8d\x93\x94\x95";
  for (int op = 0; op < 256; ++op) {
    if (kKnown.find(static_cast<char>(op)) != std::string_view::npos) continue;
    files.add(
        "opcode " + std::to_string(op),
        Pickle().empty_dict().op(static_cast<uint8_t>(op)).append(std::string(16, 'x')).bytes(),
        "refuses opcode 0x");
  }
}

void add_broken_stacks(MalformedFiles& files) {
  const auto add = [&](const char* claim, const Pickle& pickle) {
    files.add(claim, pickle.bytes());
  };
  add("nothing", Pickle());
  add("two values", Pickle().empty_dict().empty_dict());
  add("an open mark", Pickle().mark().empty_dict());
  add("no mark", Pickle().empty_dict().set_items());
  add("a tuple of nothing", Pickle().op(0x87));
  add("below a mark", Pickle().integer(1).mark().op(0x85));
  add("a key alone", Pickle().empty_dict().mark().text("a").set_items());
  add("items of a list", Pickle().op(']').mark().text("a").none().set_items());
  add("append to a dictionary", Pickle().empty_dict().none().op('a'));
  add("an empty memo slot", Pickle().binget(0));
  add("an empty far memo slot", Pickle().op('j').append("\xff\xff\xff\xff"));
  add("nothing to remember", Pickle(4).memoize());
  add("a persistent number", Pickle().integer(7).op('Q'));
  add("a persistent tuple", Pickle().integers({1, 2, 3, 4, 5}).op('Q'));
  add("a persistent class", Pickle().global("torch", "FloatStorage").op('Q'));
  add("a class by numbers", Pickle(4).integer(1).integer(2).op(0x93));
  add("a long number", Pickle().empty_dict().text("a").long1(std::string(9, 1)).op('s'));
  add("a very long number", Pickle().empty_dict().text("a").long1(std::string(255, 1)).op('s'));
  add("a frame past the end", Pickle(4).op(0x95).append(little_endian(uint64_t{1} << 63)));
  add("a text past the end", Pickle().op('X').append("\xff\xff\xff\xff"));
  add("a very long text", Pickle(4).op(0x8d).append(little_endian(UINT64_MAX)));
  add("a name without an end", Pickle().op('c').append(std::string(1000, 'x')));
  add("a list", Pickle().op(']'));
  add("a tensor alone", Pickle().tensor("FloatStorage", "0", 1, 0, {1}, {1}));
  add("a key that is a number", Pickle().empty_dict().integer(1).none().op('s'));
  add("a key twice",
      Pickle().empty_dict().mark().text("a").integer(1).text("a").integer(2).set_items());
  add("a dictionary inside", Pickle().empty_dict().text("a").empty_dict().op('s'));
  add("a dictionary that holds itself",
      Pickle(4).empty_dict().memoize().text("a").binget(0).op('s'));
  add("a list that holds itself",
      Pickle(4).empty_dict().text("a").op(']').memoize().binget(0).op('a').op('s'));
  add("a parameter without a tensor",
      Pickle().global("torch._utils", "_rebuild_parameter").none().op(0x85).reduce());
  add("a tensor without arguments",
      Pickle().global("torch._utils", "_rebuild_tensor_v2").empty_tuple().reduce());
  add("a tensor of six numbers",
      Pickle().global("torch._utils", "_rebuild_tensor_v2").integers({1, 2, 3, 4, 5, 6}).reduce());
  for (const char op : {'(', ')', ']', '}', 'N'}) {
    files.add(std::string("a hundred thousand times ") + op,
              Pickle().append(std::string(200'000, op)).bytes(), "refuses more than");
  }
  std::string nested = Pickle(2).bytes();
  nested.pop_back();
  nested += ")" + std::string(90'000, '\x85') + ".";
  files.add("tuples in tuples", nested, "expected one dictionary");
}

}  // namespace

std::vector<MalformedFile> malformed_pickles() {
  MalformedFiles files(Reader::kPickle);
  for (const Name& name : kDangerous) add_attacks(files, name);
  add_misuse(files);
  add_broken_stacks(files);
  const std::string good = Pickle(4)
                               .ordered_dict()
                               .memoize()
                               .mark()
                               .text("w")
                               .tensor("HalfStorage", "0", 4, 0, {2, 2}, {2, 1})
                               .text("n")
                               .long1("\xff\x7f")
                               .set_items()
                               .empty_dict()
                               .op('b')
                               .bytes();
  files.add_truncations(good);
  files.add_flips(good);
  return files.take();
}

}  // namespace heng::test
