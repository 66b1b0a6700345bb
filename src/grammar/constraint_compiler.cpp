#include <algorithm>

#include "grammar/constraint_impl.h"
#include "grammar/json_rules.h"
#include "grammar/schema_compiler.h"
#include "grammar/text_rules.h"
#include "heng/error.h"

namespace heng {
namespace {

using grammar::JsonRules;
using grammar::NodeId;
using grammar::ProgramBuilder;

constexpr std::string_view kTags[] = {"<think>", "</think>", "<tool_call>", "</tool_call>"};

// The bytes that are tokens. Without those of ASCII hardly any form could be written.
grammar::Alphabet alphabet_of(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  grammar::Alphabet found{};
  for (const std::string& text : texts) {
    if (text.size() == 1) found[static_cast<uint8_t>(text[0])] = true;
  }
  for (unsigned byte = '\n'; byte < 0x7F; byte = byte == '\n' ? ' ' : byte + 1) {
    if (found[byte]) continue;
    throw Error(ErrorCode::kUnsupported, "constraint: the tokenizer (" + tokenizer.description() +
                                             ") has no token for byte " + std::to_string(byte) +
                                             ", so it cannot write every text.");
  }
  return found;
}

std::shared_ptr<const Constraint> finish(
    ProgramBuilder& builder, NodeId begin, const ConstraintOptions& options, std::string_view what,
    const std::shared_ptr<const ConstraintCompiler::Vocabulary>& vocabulary) {
  if (options.thought) begin = grammar::maybe_thought(builder, begin);
  return std::make_shared<const Constraint>(
      builder.finish(builder.add_rule(begin), vocabulary->alphabet, what), vocabulary);
}

}  // namespace

ConstraintCompiler::ConstraintCompiler(const Tokenizer& tokenizer,
                                       std::span<const TokenId> end_ids) {
  auto made = std::make_shared<Vocabulary>();
  made->texts.resize(tokenizer.size());
  for (const TokenId id : end_ids) {
    if (id >= 0 && static_cast<size_t>(id) < tokenizer.size()) made->ends.push_back(id);
  }
  if (made->ends.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "constraint: no end token, expected at least one of the tokenizer's " +
                    std::to_string(tokenizer.size()) + " tokens to end the reply with");
  }
  for (size_t i = 0; i < made->texts.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view bytes = tokenizer.token_bytes(id);
    const bool is_tag = std::find(std::begin(kTags), std::end(kTags), bytes) != std::end(kTags);
    if (made->is_end(id) || (tokenizer.is_special(id) && !is_tag)) continue;
    made->texts[i] = bytes;
  }
  made->alphabet = alphabet_of(tokenizer, made->texts);
  made->drops_first_space = tokenizer.drops_first_space();
  made->trie = std::make_unique<grammar::TokenTrie>(made->texts);
  vocabulary_ = std::move(made);
}

std::shared_ptr<const Constraint> ConstraintCompiler::json_object(
    const ConstraintOptions& options) const {
  ProgramBuilder builder;
  JsonRules json(builder);
  return finish(builder, json.object(builder.kEnd), options, "json_object", vocabulary_);
}

std::shared_ptr<const Constraint> ConstraintCompiler::json_schema(
    std::string_view schema, const ConstraintOptions& options) const {
  ProgramBuilder builder;
  JsonRules json(builder);
  const auto root = grammar::SchemaCompiler(builder, json, schema, "schema").compile();
  return finish(builder, builder.call(root, builder.kEnd), options, "schema", vocabulary_);
}

std::shared_ptr<const Constraint> ConstraintCompiler::tool_calls(
    ToolSyntax syntax, std::span<const Tool> tools, const ConstraintOptions& options) const {
  ProgramBuilder builder;
  JsonRules json(builder);
  const NodeId begin = grammar::tool_calls(builder, json, syntax, tools, options.several_calls);
  return finish(builder, begin, options, "tools", vocabulary_);
}

}  // namespace heng
