// The settings of a reply by name: `--top-p 0.8` on the command line, `:conf top_p=0.8` in a chat.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "heng/generation.h"
#include "terminal/phrases.h"

namespace heng::commands {

struct Setting {
  std::string_view key;  // as in generation_config.json
  terminal::Phrase meaning;
  // Throws Error kInvalidArgument.
  void (*set)(GenerationConfig& config, std::string_view key, const std::string& value);
  std::string (*get)(const GenerationConfig& config);
};

std::span<const Setting> all_settings();

// Sets one and checks the whole. temperature, top_k and top_p mean sampling: they turn do_sample
// on; temperature 0 turns it off. Throws Error kInvalidArgument naming the setting, the value and
// what it may be; an unknown key lists the settings there are. `config` is as before then.
void set_setting(GenerationConfig& config, std::string_view key, const std::string& value);

// "top_p 0.8, top_k 0, repetition_penalty 1.1, up to 512 tokens", or "greedy, ...".
std::string summary(const GenerationConfig& config);

}  // namespace heng::commands
