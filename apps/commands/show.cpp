// heng show: what a checkpoint is and what it takes, from its headers alone.
#include <cstdio>
#include <functional>
#include <optional>

#include "base/message.h"
#include "commands/commands.h"
#include "commands/input.h"
#include "commands/options.h"
#include "commands/settings.h"
#include "heng/auto_model.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  ModelOptions model;
  bool json = false;
};

struct Memory {
  std::string computed_as;
  uint64_t bytes;
};

// Everything that is shown. Parts that the checkpoint lacks say why.
struct Facts {
  ModelInfo info;
  std::vector<Memory> memory;  // what each precision takes, as told apart by computed_as
  GenerationConfig generation;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatFormat> format;
  std::string tokenizer_problem, format_problem;
};

uint64_t total_bytes(const ModelInfo& i) {
  return i.weight_bytes + i.kv_bytes + i.work_bytes;
}

// `part`, or nothing where it is not there or not known; `problem` says why then.
template <typename T>
std::shared_ptr<const T> part_of(const std::function<std::shared_ptr<const T>()>& part,
                                 std::string& problem) {
  try {
    return part();
  } catch (const Error& error) {
    const bool may_lack =
        error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kUnsupported;
    if (!may_lack) throw;
    problem = error.what();
    return nullptr;
  }
}

std::vector<Memory> memory_by_precision(const std::filesystem::path& path, LoadOptions load) {
  std::vector<Memory> all;
  for (const Precision dtype : {Precision::kAuto, Precision::kBf16, Precision::kFp16,
                                Precision::kFp32, Precision::kInt8, Precision::kInt4}) {
    load.dtype = dtype;
    const ModelInfo info = Model::inspect(path, load);
    const auto same = [&](const Memory& m) { return m.computed_as == info.computed_as; };
    if (std::none_of(all.begin(), all.end(), same)) {
      all.push_back({info.computed_as, total_bytes(info)});
    }
  }
  return all;
}

Facts gather(const Options& o) {
  const auto path = resolve_model(o.model.model);
  Facts f;
  f.info = Model::inspect(path, o.model.load);
  f.memory = memory_by_precision(path, o.model.load);
  if (std::filesystem::is_directory(path)) f.generation = GenerationConfig::from_pretrained(path);
  f.tokenizer =
      part_of<Tokenizer>([&] { return AutoTokenizer::from_pretrained(path, o.model.load.loras); },
                         f.tokenizer_problem);
  f.format = part_of<ChatFormat>(
      [&] { return AutoChatFormat::from_pretrained(path, "", o.model.load.loras); },
      f.format_problem);
  if (f.format) f.format->set_defaults(f.generation);
  return f;
}

// Names of the tokens that end a reply: the chat format's and those of generation_config.json.
std::vector<std::string> stop_tokens(const Facts& f) {
  std::vector<std::string> names;
  if (!f.tokenizer) return names;
  std::vector<TokenId> ids;
  if (f.format) ids = f.format->stop_ids(*f.tokenizer);
  ids.insert(ids.end(), f.generation.eos_ids.begin(), f.generation.eos_ids.end());
  if (f.tokenizer->eos_id()) ids.push_back(*f.tokenizer->eos_id());
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= f.tokenizer->size()) continue;
    const std::string name = replace_invalid_utf8(f.tokenizer->token_bytes(id));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::vector<std::string> stop_texts(const Facts& f) {
  return f.format ? f.format->stop_texts() : std::vector<std::string>();
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : between) + word;
  return all;
}

std::string parameters(uint64_t n) {
  return n >= 1000000000 ? fmt::format("{:.2f} B", static_cast<double>(n) / 1e9)
                         : fmt::format("{:.1f} M", static_cast<double>(n) / 1e6);
}

void print_row(Phrase name, const std::string& value) {
  const std::string label = text(name);
  const int gap = std::max(13 - terminal::columns(label), 1);
  fmt::print("{}{}{}\n", terminal::styled(label, terminal::Style::kDim, terminal::Stream::kOut),
             std::string(gap, ' '), terminal::harmless(value));
}

std::string context_text(const ModelInfo& i) {
  const std::string trained = with_commas(i.trained_context);
  return i.max_context > i.trained_context
             ? text(Phrase::kShowContextScaled, trained, with_commas(i.max_context))
             : text(Phrase::kShowContextTrained, trained);
}

std::string lora_text(const LoraInfo& lora) {
  const std::string saved =
      lora.saved.empty() ? "" : text(Phrase::kShowLoraSaves, joined(lora.saved, ", "));
  const std::string base = lora.base_model.empty() ? "?" : lora.base_model;
  return text(Phrase::kShowLora, lora.name, lora.rank, fmt::format("{:g}", lora.alpha),
              with_commas(lora.n_matrices), saved, base);
}

json lora_json(const LoraInfo& lora) {
  return {{"name", lora.name},   {"base_model", lora.base_model}, {"rank", lora.rank},
          {"alpha", lora.alpha}, {"matrices", lora.n_matrices},   {"replaces", lora.saved}};
}

std::string memory_text(const Facts& f) {
  std::vector<std::string> parts;
  for (const Memory& m : f.memory) parts.push_back(m.computed_as + " " + terminal::bytes(m.bytes));
  return text(Phrase::kShowMemory, joined(parts, " · "), with_commas(f.info.context));
}

void print(const Facts& f) {
  const ModelInfo& i = f.info;
  const std::string kind = i.hf_class.empty() ? i.architecture : i.hf_class;
  print_row(Phrase::kRowModel, text(Phrase::kShowModel, i.name, kind, parameters(i.parameters)));
  print_row(Phrase::kRowFiles, text(i.n_files == 1 ? Phrase::kShowFile : Phrase::kShowFiles,
                                    i.n_files, i.stored_as, terminal::bytes(i.file_bytes)));
  for (const LoraInfo& lora : i.loras) print_row(Phrase::kRowLora, lora_text(lora));
  print_row(Phrase::kRowContext, context_text(i));
  print_row(Phrase::kRowLayers, text(Phrase::kShowLayers, i.n_layers, with_commas(i.hidden),
                                     with_commas(i.ffn), with_commas(i.vocabulary)));
  print_row(Phrase::kRowAttention,
            text(Phrase::kShowAttention, i.n_heads, i.head_dim, i.n_kv_heads, i.rope));
  print_row(Phrase::kRowTokenizer, f.tokenizer ? f.tokenizer->description() : f.tokenizer_problem);
  std::vector<std::string> ends = stop_tokens(f);
  for (const std::string& text : stop_texts(f)) ends.push_back('"' + text + '"');
  const std::string stops = joined(ends, ", ");
  print_row(Phrase::kRowTemplate,
            f.format ? text(Phrase::kShowTemplate, f.format->name(), stops) : f.format_problem);
  print_row(Phrase::kRowGeneration, summary(f.generation));
  print_row(Phrase::kRowPrecision, text(Phrase::kShowPrecision, i.computed_as, i.why, i.isa));
  print_row(Phrase::kRowMemory, memory_text(f));
  if (!i.licence.empty()) print_row(Phrase::kRowLicence, i.licence);
}

json memory_json(const Facts& f) {
  json all = json::object();
  for (const Memory& m : f.memory) all[m.computed_as] = m.bytes;
  return all;
}

json to_json(const Facts& f) {
  const ModelInfo& i = f.info;
  json settings = json::object();
  for (const Setting& setting : all_settings()) {
    settings[std::string(setting.key)] = setting.get(f.generation);
  }
  json loras = json::array();
  for (const LoraInfo& lora : i.loras) loras.push_back(lora_json(lora));
  return {{"name", i.name},
          {"loras", loras},
          {"architecture", i.architecture},
          {"class", i.hf_class},
          {"parameters", i.parameters},
          {"files", i.n_files},
          {"file_bytes", i.file_bytes},
          {"stored_as", i.stored_as},
          {"computed_as", i.computed_as},
          {"why", i.why},
          {"isa", i.isa},
          {"activation_bits", i.activation_bits},
          {"threads", i.threads},
          {"context", i.context},
          {"trained_context", i.trained_context},
          {"max_context", i.max_context},
          {"layers", i.n_layers},
          {"hidden", i.hidden},
          {"ffn", i.ffn},
          {"heads", i.n_heads},
          {"kv_heads", i.n_kv_heads},
          {"head_dim", i.head_dim},
          {"vocabulary", i.vocabulary},
          {"rope", i.rope},
          {"tokenizer", f.tokenizer ? json(f.tokenizer->description()) : json()},
          {"template", f.format ? json(f.format->name()) : json()},
          {"stop_tokens", stop_tokens(f)},
          {"stop_texts", stop_texts(f)},
          {"generation", settings},
          {"weight_bytes", i.weight_bytes},
          {"kv_bytes", i.kv_bytes},
          {"kv_type", i.kv_type},
          {"work_bytes", i.work_bytes},
          {"memory_bytes", memory_json(f)},
          {"licence", i.licence}};
}

int run(const Options& o) {
  const Facts facts = gather(o);
  if (o.json) {
    print_json(to_json(facts));
  } else {
    print(facts);
  }
  return kDone;
}

}  // namespace

void add_show(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("show", text(Phrase::kCommandShow));
  o->model.add_to(*command);
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesShow));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
