#include "commands/options.h"

#include <algorithm>
#include <cstdio>

#include "commands/settings.h"
#include "heng/auto_model.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

// "max_new_tokens" -> "--max-new-tokens"
std::string flag_of(std::string_view key) {
  std::string flag = "--" + std::string(key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

// An option whose values have names: `--dtype bf16`.
template <typename T>
void add_choice(CLI::App& command, const std::string& flag, T& target,
                const std::vector<std::pair<std::string, T>>& choices, Phrase meaning) {
  std::string names;
  for (const auto& [name, value] : choices) names += (names.empty() ? "" : "|") + name;
  const auto choose = [&target, flag, choices, names](const std::string& wanted) {
    for (const auto& [name, value] : choices) {
      if (name == wanted) {
        target = value;
        return;
      }
    }
    throw CLI::ValidationError(flag, "is \"" + wanted + "\", expected " + names);
  };
  command.add_option_function<std::string>(flag, choose, text(meaning))->option_text(names);
}

}  // namespace

CLI::Option* add_lora_option(CLI::App& command, std::vector<std::filesystem::path>& loras) {
  return command.add_option("--lora", loras, text(Phrase::kOptionLora))
      ->option_text("FOLDER")
      ->allow_extra_args(false);  // one a flag: the next word may be the prompt
}

void add_plain_dtype(CLI::App& command, Precision& target, Phrase meaning) {
  add_choice<Precision>(command, "--dtype", target,
                        {{"auto", Precision::kAuto},
                         {"bf16", Precision::kBf16},
                         {"fp16", Precision::kFp16},
                         {"fp32", Precision::kFp32}},
                        meaning);
}

void add_model_argument(CLI::App& command, std::string& model) {
  command.add_option("MODEL", model, text(Phrase::kOptionModel))
      ->required()
      ->option_text(kNoOptionText);
}

void add_model_argument(CLI::App& command, std::string& model,
                        std::vector<std::filesystem::path>& loras) {
  add_model_argument(command, model);
  add_lora_option(command, loras);
}

void ModelOptions::add_to(CLI::App& command) {
  add_model_argument(command, model);
  add_load_options(command, load);
}

void add_load_options(CLI::App& command, LoadOptions& load) {
  add_lora_option(command, load.loras);
  add_choice<Precision>(command, "--dtype", load.dtype,
                        {{"auto", Precision::kAuto},
                         {"bf16", Precision::kBf16},
                         {"fp16", Precision::kFp16},
                         {"fp32", Precision::kFp32},
                         {"int8", Precision::kInt8},
                         {"int4", Precision::kInt4}},
                        Phrase::kOptionDtype);
  add_choice<Activations>(
      command, "--activations", load.activations,
      {{"auto", Activations::kAuto}, {"8", Activations::k8Bits}, {"15", Activations::k15Bits}},
      Phrase::kOptionActivations);
  add_choice<KvPrecision>(command, "--kv", load.kv,
                          {{"auto", KvPrecision::kAuto},
                           {"fp32", KvPrecision::kFp32},
                           {"fp16", KvPrecision::kFp16},
                           {"bf16", KvPrecision::kBf16},
                           {"int8", KvPrecision::kInt8}},
                          Phrase::kOptionKv);
  add_choice<Device>(command, "--device", load.device,
                     {{"auto", Device::kAuto}, {"cpu", Device::kCpu}}, Phrase::kOptionDevice);
  command.add_option("--threads", load.threads, text(Phrase::kOptionThreads))
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  command.add_option("--ctx", load.context, text(Phrase::kOptionContext))
      ->check(CLI::Range(1, 1 << 24))
      ->option_text("TOKENS");
  add_choice<BackendKind>(command, "--kernels", load.backend,
                          {{"fast", BackendKind::kFast}, {"reference", BackendKind::kReference}},
                          Phrase::kOptionKernels);
}

void GenerationOptions::add_to(CLI::App& command) {
  const auto group = text(Phrase::kGroupGeneration);
  CLI::Option* greedy_flag = command.add_flag("--greedy", greedy, text(Phrase::kOptionGreedy))
                                 ->group(group)
                                 ->option_text(kNoOptionText);
  command.add_flag("--sample", sample, text(Phrase::kOptionSample))
      ->group(group)
      ->excludes(greedy_flag)
      ->option_text(kNoOptionText);
  for (const Setting& setting : all_settings()) {
    if (setting.key == "do_sample") continue;  // --greedy and --sample
    const std::string key(setting.key);
    command
        .add_option_function<std::string>(
            flag_of(key), [this, key](const std::string& value) { values[key] = value; },
            text(setting.meaning))
        ->group(group)
        ->option_text("N");
  }
  command.add_option("--stop", stop, text(Phrase::kOptionStop))
      ->group(group)
      ->option_text("TEXT")
      ->allow_extra_args(false);  // one a flag: the next word may be the prompt
  command.add_flag("--ignore-eos", ignore_eos, text(Phrase::kOptionIgnoreEos))->group(group);
}

void GenerationOptions::check() const {
  GenerationConfig config;
  apply_to(config);
}

void GenerationOptions::apply_to(GenerationConfig& config) const {
  // Greedy is the best score as the model gives it: a penalty only where it is asked for.
  if (greedy) config.repetition_penalty = 1.0;
  for (const auto& [key, value] : values) set_setting(config, key, value);
  if (greedy) config.do_sample = false;
  if (sample) config.do_sample = true;
  config.ignore_eos = ignore_eos;
  config.stop.insert(config.stop.end(), stop.begin(), stop.end());
  config.check();
}

void ThinkOption::add_to(CLI::App& command) {
  add_choice<std::optional<bool>>(command, "--think", wanted, {{"on", true}, {"off", false}},
                                  Phrase::kOptionThink);
}

bool ThinkOption::on(const ChatFormat* format) const {
  if (wanted && !(format && format->thinks())) {
    throw Error(ErrorCode::kInvalidArgument,
                "--think: " +
                    (format ? "chat format " + std::string(format->name()) + " has"
                            : std::string("text without a chat format has")) +
                    " no thoughts. Leave it out, or choose a format that has: --template qwen3.");
  }
  return wanted.value_or(true);
}

std::shared_ptr<const Model> load_model(const ModelOptions& options, Announce announce) {
  const auto path = resolve_model(options.model);
  if (announce == Announce::kYes) {
    terminal::note(describe(Model::inspect(path, options.load)), terminal::Stream::kErr);
  }
  terminal::ProgressBar bar(text(Phrase::kLoading), terminal::ProgressBar::Unit::kBytes);
  LoadOptions load = options.load;
  load.on_progress = [&](uint64_t done, uint64_t total) { bar.update(done, total); };
  load.repack_cache = default_repack_cache();
  auto model = Model::load(path, load);
  bar.clear();
  if (announce == Announce::kYes && model->info().repacked.starts_with("kept")) {
    terminal::note(text(Phrase::kRepackKept, model->info().repacked), terminal::Stream::kErr);
  }
  return model;
}

}  // namespace heng::commands
