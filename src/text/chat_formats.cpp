#include "text/chat_formats.h"

#include "base/message.h"
#include "heng/error.h"
#include "text/chat_jinja.h"

namespace heng {
namespace text {

#define HENG_CHAT_FORMAT(row) extern const ChatFormatRow row;
#include "text/chat_formats.inc"
#undef HENG_CHAT_FORMAT

namespace {

const std::vector<const ChatFormatRow*>& all_rows() {
  static const std::vector<const ChatFormatRow*> kRows = {
#define HENG_CHAT_FORMAT(row) &row,
#include "text/chat_formats.inc"
#undef HENG_CHAT_FORMAT
  };
  return kRows;
}

}  // namespace

std::shared_ptr<const ChatFormat> detect_chat_format(const ChatFiles& files) {
  for (const ChatFormatRow* row : all_rows()) {
    if (row->suits(files)) return row->make();
  }
  return has_chat_template(files) ? make_jinja_chat(files) : nullptr;
}

std::string no_chat_format(std::string_view model) {
  std::string names;
  for (const ChatFormatRow* row : all_rows()) {
    names += (names.empty() ? "" : ", ") + std::string(row->name);
  }
  return std::string(model) +
         ": its files name no chat format that is known here; a base model has none. Choose the "
         "one "
         "it was trained with by --template: " +
         names + ".";
}

}  // namespace text

std::shared_ptr<const ChatFormat> chat_format_by_name(std::string_view name) {
  std::string known;
  for (const text::ChatFormatRow* row : text::all_rows()) {
    if (name == row->name || (!row->alias.empty() && name == row->alias)) return row->make();
    known += (known.empty() ? "" : ", ") + std::string(row->name);
    if (!row->alias.empty()) known += " (or " + std::string(row->alias) + ")";
  }
  throw Error(ErrorCode::kInvalidArgument,
              "chat format \"" + printable(name) + "\" is not known; known: " + known +
                  "; jinja (the chat_template of a model's own files)");
}

std::vector<std::string_view> chat_format_names() {
  std::vector<std::string_view> names;
  for (const text::ChatFormatRow* row : text::all_rows()) names.push_back(row->name);
  return names;
}

}  // namespace heng
