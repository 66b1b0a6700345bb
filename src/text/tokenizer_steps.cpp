#include "text/tokenizer_steps.h"

#include <algorithm>
#include <optional>

#include "base/message.h"
#include "text/pattern_syntax.h"
#include "text/tokenizer_config.h"

namespace heng::text {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

[[noreturn]] void refuse(const JsonObject& object, std::string_view key, const std::string& found,
                         std::string_view supported) {
  throw Error(ErrorCode::kUnsupported,
              object.where(key) + ": " + found + "; supported: " + std::string(supported) + ".");
}

void require(bool good, const JsonObject& object, std::string_view key,
             std::string_view supported) {
  if (good) return;
  const auto found = object.raw().find(key);
  refuse(object, key, found == object.raw().end() ? "missing" : "is " + printable(found->dump()),
         supported);
}

[[noreturn]] void refuse_type(const JsonObject& step, std::string_view supported) {
  refuse(step, "type", "is \"" + printable(step.string_or("type", "")) + "\"", supported);
}

// The member `key` of `parent` as steps one after another: itself, or those of a Sequence. Empty
// where it is absent or null.
std::vector<JsonObject> steps_of(const JsonObject& parent, const std::string& key,
                                 const char* list_key) {
  const auto step = parent.object(key);
  if (!step) return {};
  if (step->string_or("type", "") != "Sequence") return {*step};
  return step->objects_or_empty(list_key);
}

std::string type_of(const JsonObject& step) {
  return step.string_or("type", "");
}

// Whether a Replace step's pattern is the plain text `wanted`.
bool replaces(const JsonObject& step, std::string_view wanted, std::string_view by) {
  const auto pattern = step.object("pattern");
  return pattern && pattern->string_or("String", "") == wanted && step.string("content") == by;
}

// What reading the steps has found so far about spaces.
struct Spaces {
  bool byte_level = false;  // a ByteLevel pre-tokenizer
  bool marked = false;      // spaces become U+2581
};

void read_normalizer(const JsonObject& file, TokenizerSteps& out, Spaces& spaces) {
  for (const JsonObject& step : steps_of(file, "normalizer", "normalizers")) {
    const std::string type = type_of(step);
    if (type == "NFC") {
      out.nfc = true;
    } else if (type == "Prepend") {
      require(step.string("prepend") == kSpaceMark, step, "prepend", "U+2581");
      require(!spaces.marked, step, "type", "Prepend before Replace");
      out.space_prefix = SpacePrefix::kAlways;
    } else if (type == "Replace") {
      require(replaces(step, " ", kSpaceMark), step, "pattern", "a space replaced by U+2581");
      spaces.marked = true;
    } else {
      refuse_type(step, "NFC, Prepend and Replace of a space by U+2581, a Sequence of these, null");
    }
  }
}

void read_split(const JsonObject& step, TokenizerSteps& out) {
  require(step.string_or("behavior", "") == "Isolated", step, "behavior", "\"Isolated\"");
  require(!step.boolean_or("invert", false), step, "invert", "false");
  const auto pattern = step.object("pattern");
  require(pattern && pattern->has("Regex"), step, "pattern", "{\"Regex\": ...}");
  FilePattern found{.regex = pattern->string("Regex"), .where = pattern->where("Regex")};
  if (const auto problem = pattern_problem(found.regex)) {
    refuse(*pattern, "Regex", *problem,
           "what Oniguruma and PCRE2 read alike: classes, groups, (?i: ), lookaround, repeats");
  }
  out.patterns.push_back(std::move(found));
}

void read_byte_level(const JsonObject& step, TokenizerSteps& out) {
  if (step.boolean_or("add_prefix_space", true)) {
    require(out.patterns.empty(), step, "add_prefix_space", "false behind a Split");
    out.space_prefix = SpacePrefix::kUnlessThere;
  }
  if (step.boolean_or("use_regex", true)) {
    out.patterns.push_back({std::string(gpt2_pattern()), step.where("use_regex")});
  }
}

void read_metaspace(const JsonObject& step, TokenizerSteps& out) {
  require(step.string("replacement") == kSpaceMark, step, "replacement", "U+2581");
  require(!step.boolean_or("split", true), step, "split", "false");
  require(out.space_prefix == SpacePrefix::kNone, step, "type", "Metaspace without Prepend");
  const std::string scheme = step.string_or("prepend_scheme", "always");
  if (scheme == "always") {
    out.space_prefix = SpacePrefix::kUnlessThere;
  } else if (scheme == "first") {
    out.space_prefix = SpacePrefix::kUnlessThereAtStart;
  } else {
    require(scheme == "never", step, "prepend_scheme", "\"always\", \"first\", \"never\"");
  }
}

void read_pre_tokenizer(const JsonObject& file, TokenizerSteps& out, Spaces& spaces) {
  for (const JsonObject& step : steps_of(file, "pre_tokenizer", "pretokenizers")) {
    const std::string type = type_of(step);
    if (spaces.byte_level) refuse(step, "type", "a step behind ByteLevel", "ByteLevel as the last");
    if (type == "Split") {
      read_split(step, out);
    } else if (type == "Digits") {
      std::string digits(digit_pattern());
      if (!step.boolean_or("individual_digits", false)) digits += '+';
      out.patterns.push_back({std::move(digits), step.where("individual_digits")});
    } else if (type == "ByteLevel") {
      read_byte_level(step, out);
      spaces.byte_level = true;
    } else if (type == "Metaspace") {
      read_metaspace(step, out);
      spaces.marked = true;
    } else {
      refuse_type(step, "Split, Digits, ByteLevel, Metaspace, a Sequence of these, null");
    }
  }
}

// The ids that `template` names in its table, for the special token `name`.
void append_ids(const JsonObject& processor, const std::string& name, TokenizerSteps& out) {
  const auto table = processor.object("special_tokens");
  const auto entry = table ? table->object(name) : std::nullopt;
  if (!entry) processor.fail("special_tokens", "has no \"" + printable(name) + "\"");
  for (const int64_t id : entry->integers_or_empty("ids")) {
    if (id < 0 || id >= kMostTokenIds) entry->fail("ids", "expected token ids");
    out.prefix.push_back(static_cast<TokenId>(id));
  }
}

void read_template(const JsonObject& processor, TokenizerSteps& out) {
  constexpr std::string_view kSupported = "tokens in front of the text, and the text once";
  bool text = false;
  for (const JsonObject& part : processor.objects_or_empty("single")) {
    if (const auto sequence = part.object("Sequence")) {
      require(!text && sequence->string("id") == "A", processor, "single", kSupported);
      text = true;
    } else if (const auto token = part.object("SpecialToken")) {
      require(!text, processor, "single", kSupported);
      append_ids(processor, token->string("id"), out);
    } else {
      part.fail("Sequence", "expected a Sequence or a SpecialToken");
    }
  }
  require(text, processor, "single", kSupported);
}

void read_post_processor(const JsonObject& file, TokenizerSteps& out) {
  for (const JsonObject& step : steps_of(file, "post_processor", "processors")) {
    const std::string type = type_of(step);
    if (type == "TemplateProcessing") {
      read_template(step, out);
    } else if (type != "ByteLevel") {  // that one only trims offsets
      refuse_type(step, "ByteLevel, TemplateProcessing, a Sequence of these, null");
    }
  }
}

void read_decoder(const JsonObject& file, TokenizerSteps& out) {
  const auto steps = steps_of(file, "decoder", "decoders");
  std::vector<std::string> types;
  for (const JsonObject& step : steps) types.push_back(type_of(step));
  if (out.spelling == Spelling::kByteAlphabet) {
    require(types == std::vector<std::string>{"ByteLevel"}, file, "decoder", "ByteLevel");
    return;
  }
  constexpr std::string_view kSupported =
      "a Sequence of Replace of U+2581 by a space, ByteFallback, Fuse and perhaps Strip of one "
      "space at the start";
  out.drops_first_space = types.size() == 4 && types[3] == "Strip";
  types.resize(types.size() - out.drops_first_space);
  require(types == std::vector<std::string>{"Replace", "ByteFallback", "Fuse"}, file, "decoder",
          kSupported);
  require(replaces(steps[0], kSpaceMark, " "), steps[0], "pattern", kSupported);
  if (!out.drops_first_space) return;
  const JsonObject& strip = steps[3];
  require(strip.string("content") == " " && strip.integer("start", 0, 99) == 1 &&
              strip.integer("stop", 0, 99) == 0,
          strip, "start", kSupported);
}

}  // namespace

TokenizerSteps read_tokenizer_steps(const JsonObject& file) {
  TokenizerSteps out;
  Spaces spaces;
  read_normalizer(file, out, spaces);
  read_pre_tokenizer(file, out, spaces);
  if (spaces.byte_level == spaces.marked) {
    refuse(file, "pre_tokenizer",
           spaces.marked ? "ByteLevel and U+2581 for spaces" : "no ByteLevel",
           "either ByteLevel, or spaces written as U+2581 (Replace, Metaspace)");
  }
  out.spelling = spaces.byte_level ? Spelling::kByteAlphabet : Spelling::kSpaceMarks;
  if (spaces.byte_level && out.space_prefix == SpacePrefix::kAlways) {
    refuse(file, "normalizer", "Prepend before ByteLevel", "Prepend with Replace");
  }
  read_post_processor(file, out);
  read_decoder(file, out);
  return out;
}

}  // namespace heng::text
