// The chat format that a model's own chat_template is: for models whose family has none here.
// Immutable; safe to use from many threads. Source of the variables: transformers'
// apply_chat_template.
#pragma once

#include <memory>

#include "heng/chat.h"
#include "text/chat_files.h"

namespace heng::text {

// Throws Error kNotFound where the files have no template; kUnsupported, with line and column,
// where it goes beyond the subset of Jinja that is read here.
std::shared_ptr<const ChatFormat> make_jinja_chat(const ChatFiles& files);

// Whether the files belong to a chat model that has a template. Base models may have one too.
bool has_chat_template(const ChatFiles& files);

}  // namespace heng::text
