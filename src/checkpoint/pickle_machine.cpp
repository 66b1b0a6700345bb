#include "checkpoint/pickle_machine.h"

#include <algorithm>
#include <bit>

#include "base/message.h"

namespace heng::checkpoint {
namespace {

constexpr uint64_t kMaxOpcodes = 4'000'000;  // a tensor takes about 40: enough for 100,000
constexpr size_t kMaxDepth = 100'000;        // values on the stack, and marks

// Opcodes by the names of pickletools.py.
enum Op : uint8_t {
  kMark = '(',
  kStop = '.',
  kNone = 'N',
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kLong1 = 0x8a,
  kBinFloat = 'G',
  kShortBinUnicode = 0x8c,
  kBinUnicode = 'X',
  kBinUnicode8 = 0x8d,
  kEmptyTuple = ')',
  kTuple = 't',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kEmptyList = ']',
  kAppend = 'a',
  kAppends = 'e',
  kEmptyDict = '}',
  kSetItem = 's',
  kSetItems = 'u',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kMemoize = 0x94,
  kBinGet = 'h',
  kLongBinGet = 'j',
  kGlobal = 'c',
  kStackGlobal = 0x93,
  kReduce = 'R',
  kBuild = 'b',
  kBinPersId = 'Q',
  kInst = 'i',
  kProto = 0x80,
  kFrame = 0x95,
};

std::string hex_byte(uint8_t byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  return {'0', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

}  // namespace

void PickleMachine::fail(const std::string& text) const {
  throw Error(ErrorCode::kCorrupt, std::string(file_) + ": " + text + " (pickle opcode at byte " +
                                       std::to_string(opcode_at_) + "). The file is damaged.");
}

void PickleMachine::refuse(const std::string& what) const {
  throw Error(ErrorCode::kUnsupported,
              std::string(file_) + ": refuses " + what + " (pickle opcode at byte " +
                  std::to_string(opcode_at_) +
                  "). Nothing was run. A safetensors copy of the model is safe.");
}

const PickleMachine::Value& PickleMachine::run() {
  for (uint64_t n_opcodes = 0;; ++n_opcodes) {
    opcode_at_ = reader_.position();
    if (n_opcodes == kMaxOpcodes) refuse("more than " + with_commas(kMaxOpcodes) + " opcodes");
    const auto op = reader_.read<uint8_t>("the pickle's next opcode");
    if (op == kStop) break;
    if (!step_constant(op) && !step_container(op) && !step_memo(op) && !step_object(op)) {
      refuse("opcode " + hex_byte(op));
    }
    if (std::max(stack_.size(), marks_.size()) > kMaxDepth) {
      refuse("more than " + with_commas(kMaxDepth) + " waiting values");
    }
  }
  if (stack_.size() != 1 || !marks_.empty()) fail("the pickle ends in the middle of a value");
  return values_[stack_[0]];
}

bool PickleMachine::step_constant(uint8_t op) {
  switch (op) {
    case kProto: {
      const auto version = reader_.read<uint8_t>("the protocol");
      if (version < 2 || version > 5) refuse("pickle protocol " + std::to_string(version));
      return true;
    }
    case kFrame: {
      const auto length = reader_.read<uint64_t>("a frame's length");
      if (length > reader_.remaining()) fail("a frame passes the pickle's end");
      return true;
    }
    case kNone:
      push({});
      return true;
    case kNewTrue:
    case kNewFalse:
      push({.kind = Kind::kBool, .number = op == kNewTrue});
      return true;
    case kBinInt:
      push_integer(reader_.read<int32_t>("a number"));
      return true;
    case kBinInt1:
      push_integer(reader_.read<uint8_t>("a number"));
      return true;
    case kBinInt2:
      push_integer(reader_.read<uint16_t>("a number"));
      return true;
    case kLong1:
      push_long();
      return true;
    case kBinFloat:
      reader_.take(8, "a number");
      push({.kind = Kind::kFloat});
      return true;
    case kShortBinUnicode:
      push_text(reader_.read<uint8_t>("a text's length"));
      return true;
    case kBinUnicode:
      push_text(reader_.read<uint32_t>("a text's length"));
      return true;
    case kBinUnicode8:
      push_text(reader_.read<uint64_t>("a text's length"));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_container(uint8_t op) {
  switch (op) {
    case kMark:
      marks_.push_back(stack_.size());
      return true;
    case kEmptyTuple:
      push_tuple({});
      return true;
    case kTuple:
      push_tuple(pop_to_mark());
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      push_tuple(pop_several(op - kTuple1 + 1u));
      return true;
    case kEmptyList:
      push({.kind = Kind::kList});
      return true;
    case kEmptyDict:
      push({.kind = Kind::kDict});
      return true;
    case kAppend:
    case kAppends: {
      const auto items = op == kAppend ? pop_several(1) : pop_to_mark();
      Value& list = top(Kind::kList, "a list");
      list.items.insert(list.items.end(), items.begin(), items.end());
      return true;
    }
    case kSetItem:
    case kSetItems: {
      const auto items = op == kSetItem ? pop_several(2) : pop_to_mark();
      if (items.size() % 2 != 0) fail("a key without a value");
      Value& dict = top(Kind::kDict, "a dictionary");
      dict.items.insert(dict.items.end(), items.begin(), items.end());
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::step_memo(uint8_t op) {
  switch (op) {
    case kBinPut:
      memo_put(reader_.read<uint8_t>("a memo slot"));
      return true;
    case kLongBinPut:
      memo_put(reader_.read<uint32_t>("a memo slot"));
      return true;
    case kMemoize:
      memo_put(memo_.size());
      return true;
    case kBinGet:
      memo_get(reader_.read<uint8_t>("a memo slot"));
      return true;
    case kLongBinGet:
      memo_get(reader_.read<uint32_t>("a memo slot"));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_object(uint8_t op) {
  switch (op) {
    case kGlobal: {
      const auto module = read_line();
      push_class(module, read_line());
      return true;
    }
    case kStackGlobal: {
      const auto names = pop_several(2);
      const Value &module = values_[names[0]], &name = values_[names[1]];
      if (module.kind != Kind::kText || name.kind != Kind::kText) fail("a class without a name");
      push_class(module.text, name.text);
      return true;
    }
    case kInst:
      refuse_instance();
    case kReduce:
      call();
      return true;
    case kBuild:
      build();
      return true;
    case kBinPersId:
      persistent_storage();
      return true;
    default:
      return false;
  }
}

void PickleMachine::push(Value value) {
  values_.push_back(std::move(value));
  stack_.push_back(static_cast<Index>(values_.size() - 1));
}

void PickleMachine::push_integer(int64_t number) {
  push({.kind = Kind::kInteger, .number = number});
}

void PickleMachine::push_text(uint64_t length) {
  const auto text = reader_.take(length, "a text");
  push({.kind = Kind::kText, .text = {reinterpret_cast<const char*>(text.data()), text.size()}});
}

// LONG1: two's complement of as many bytes as it says.
void PickleMachine::push_long() {
  const auto n_bytes = reader_.read<uint8_t>("a number's length");
  if (n_bytes > 8) fail("a number of " + std::to_string(n_bytes) + " bytes, expected at most 8");
  uint64_t bits = 0;
  int shift = 0;
  for (const std::byte byte : reader_.take(n_bytes, "a number")) {
    bits |= std::to_integer<uint64_t>(byte) << shift;
    shift += 8;
  }
  if (shift > 0 && shift < 64 && (bits >> (shift - 1) & 1)) bits |= ~uint64_t{0} << shift;
  push_integer(std::bit_cast<int64_t>(bits));
}

void PickleMachine::push_tuple(std::vector<Index> items) {
  push({.kind = Kind::kTuple, .items = std::move(items)});
}

// The values above the last mark are all that an opcode may take one by one.
std::vector<PickleMachine::Index> PickleMachine::pop_several(size_t n) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() - floor < n) fail("takes more values than there are");
  std::vector<Index> items(stack_.end() - static_cast<ptrdiff_t>(n), stack_.end());
  stack_.resize(stack_.size() - n);
  return items;
}

PickleMachine::Index PickleMachine::pop() {
  return pop_several(1)[0];
}

std::vector<PickleMachine::Index> PickleMachine::pop_to_mark() {
  if (marks_.empty()) fail("no mark where one is needed");
  std::vector<Index> items = pop_several(stack_.size() - marks_.back());
  marks_.pop_back();
  return items;
}

PickleMachine::Value& PickleMachine::top(Kind kind, const char* what) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() == floor || values_[stack_.back()].kind != kind) {
    fail("expected " + std::string(what));
  }
  return values_[stack_.back()];
}

void PickleMachine::memo_put(uint64_t slot) {
  if (stack_.empty()) fail("nothing to remember");
  memo_[slot] = stack_.back();
}

void PickleMachine::memo_get(uint64_t slot) {
  const auto it = memo_.find(slot);
  if (it == memo_.end()) fail("memo slot " + std::to_string(slot) + " is empty");
  stack_.push_back(it->second);
}

std::string_view PickleMachine::read_line() {
  constexpr uint64_t kMaxLine = 256;
  const uint64_t limit = std::min(reader_.remaining(), kMaxLine);
  const auto bytes = ByteReader(reader_).take(limit, "a name");
  const std::string_view window(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t length = window.find('\n');
  if (length == std::string_view::npos) fail("a name without an end");
  reader_.take(length + 1, "a name");
  return window.substr(0, length);
}

}  // namespace heng::checkpoint
