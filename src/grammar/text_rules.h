// Free text around JSON: thoughts, and calls of tools as each syntax writes them. Pure functions.
#pragma once

#include <span>
#include <string_view>

#include "grammar/json_rules.h"
#include "grammar/program.h"
#include "heng/constraint.h"

namespace heng::grammar {

// Any text up to the first `end`, and that; none of `never` comes in it.
NodeId text_until(ProgramBuilder& builder, std::string_view end,
                  std::span<const std::string_view> never, NodeId next);

// <think>, text, </think> and white space, or nothing.
NodeId maybe_thought(ProgramBuilder& builder, NodeId next);

// Throws as SchemaCompiler; Error kUnsupported for ToolSyntax::kNone, kInvalidArgument where there
// are no tools.
NodeId tool_calls(ProgramBuilder& builder, JsonRules& json, ToolSyntax syntax,
                  std::span<const Tool> tools, bool several);

}  // namespace heng::grammar
