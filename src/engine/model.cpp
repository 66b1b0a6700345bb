// Model::load: checkpoint + spec + weights + tokenizer + chat format.
#include "heng/model.h"

#include <algorithm>
#include <cstdio>

#include "base/cpu_info.h"
#include "engine/block_pool.h"
#include "engine/generation_config.h"
#include "engine/kept_weights.h"
#include "engine/licence.h"
#include "engine/loaded_model.h"
#include "engine/loras.h"
#include "engine/precision.h"
#include "kernels/select.h"
#include "models/load_weights.h"
#include "models/lora.h"
#include "text/chat_formats.h"
#include "text/tokenizer_load.h"

namespace heng {
namespace {

using checkpoint::Checkpoint;
using models::DecoderSpec;

// Contexts beyond this are planned for only when asked: they take memory that most chats never use.
constexpr size_t kDefaultContext = 8192;

std::string gib(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", static_cast<double>(bytes) / (1u << 30));
  return text;
}

size_t choose_context(const DecoderSpec& spec, const LoadOptions& options) {
  if (options.context == 0) return std::min(spec.max_context, kDefaultContext);
  if (options.context > spec.max_context) {
    throw Error(ErrorCode::kInvalidArgument,
                "context " + std::to_string(options.context) + " is beyond the model's " +
                    std::to_string(spec.max_context) + " tokens. Use --ctx " +
                    std::to_string(spec.max_context) + " or less.");
  }
  return options.context;
}

std::string scaling_text(const models::RopeSpec& rope) {
  char factor[32];
  std::snprintf(factor, sizeof(factor), " x %g", static_cast<double>(rope.factor));
  switch (rope.scaling) {
    case models::RopeScaling::kNone:
      return "";
    case models::RopeScaling::kLinear:
      return std::string(", linear") + factor;
    case models::RopeScaling::kDynamic:
      return std::string(", dynamic NTK") + factor;
    case models::RopeScaling::kYarn:
      return std::string(", YaRN") + factor;
    case models::RopeScaling::kLlama3:
      return std::string(", llama3") + factor;
    case models::RopeScaling::kDivisors:
      return ", frequencies of the file";
    case models::RopeScaling::kQwenDynamic:
      return ", dynamic NTK";
  }
  return "";
}

std::string rope_text(const models::RopeSpec& rope) {
  char base[32];
  std::snprintf(base, sizeof(base), "base %.0f", static_cast<double>(rope.base));
  return std::string(base) + (rope.style == ops::RopeStyle::kHalves ? ", halves" : ", pairs") +
         scaling_text(rope) + (rope.log_n ? ", LogN" : "");
}

std::string hf_class(const Checkpoint& c) {
  if (c.kind() == checkpoint::Kind::kGguf) return "";
  const auto classes = JsonObject(c.config(), c.config_file()).strings_or_empty("architectures");
  return classes.empty() ? "" : classes.front();
}

// Everything that is decided from headers alone.
struct Plan {
  std::shared_ptr<const Checkpoint> checkpoint;
  const models::Architecture* architecture;
  DecoderSpec spec;
  engine::StoredWeights stored;
  models::LoraStack loras;
  engine::PrecisionChoice precision;
  int threads;
  std::unique_ptr<ops::Backend> backend;
  ModelInfo info;

  models::WeightRequest request() const {
    return {*architecture, spec, *checkpoint, precision.convert_to,
            loras.adapters.empty() ? nullptr : &loras};
  }
};

void fill_sizes(Plan& p, size_t context) {
  const auto sizes = models::measure_weights(p.request(), *p.backend);
  ModelInfo& i = p.info;
  i.parameters = sizes.parameters;
  i.weight_bytes = sizes.memory_bytes;
  i.kv_bytes = engine::kv_bytes(models::kv_layout(p.spec, p.precision.kv), context);
  const size_t chunk = std::min(context, engine::kPromptChunk);
  i.work_bytes = models::workspace_bytes(p.spec, chunk, 1);
  if (sizes.reorders_inputs) i.work_bytes += models::reordered_bytes(p.spec, chunk);
  i.context = context;
}

void fill_names(Plan& p) {
  ModelInfo& i = p.info;
  const Checkpoint& c = *p.checkpoint;
  i.name = std::filesystem::path(c.path() / "").parent_path().filename().string();
  if (c.kind() == checkpoint::Kind::kGguf) i.name = c.path().stem().string();
  i.architecture = p.architecture->name;
  i.hf_class = hf_class(c);
  i.licence = engine::licence_of(c);
  i.isa = p.backend->name();
  i.threads = p.backend->threads();
  i.n_files = c.file_count();
  i.file_bytes = c.tensor_bytes();
  i.trained_context = p.spec.trained_context;
  i.max_context = p.spec.max_context;
  i.n_layers = static_cast<int>(p.spec.n_layers);
  i.n_heads = static_cast<int>(p.spec.n_heads);
  i.n_kv_heads = static_cast<int>(p.spec.n_kv_heads);
  i.head_dim = static_cast<int>(p.spec.head_dim);
  i.hidden = static_cast<int>(p.spec.hidden);
  i.ffn = static_cast<int>(p.spec.ffn);
  i.vocabulary = static_cast<int64_t>(p.spec.vocabulary);
  i.rope = rope_text(p.spec.rope);
  for (const auto& adapter : p.loras.adapters) {
    i.loras.push_back(engine::describe_lora(*adapter));
    i.n_files += 1;
    i.file_bytes += adapter->tensor_bytes();
  }
}

Plan make_plan(const std::filesystem::path& path, const LoadOptions& options) {
  Plan p;
  p.checkpoint = Checkpoint::open(path);
  p.architecture = &models::find_architecture(*p.checkpoint);
  p.spec = models::read_spec(*p.architecture, *p.checkpoint);
  p.loras.adapters = engine::open_loras(options.loras);
  models::fit_vocabulary(p.loras, *p.architecture, p.spec);
  p.threads = options.threads > 0 ? options.threads : usable_cpus();
  // Loading multiplies nothing, so any width of activations will do here.
  p.backend = engine::make_backend(options.backend, p.threads, ops::ActivationBits::k8);
  const size_t context = choose_context(p.spec, options);
  const auto sizes = models::measure_weights(p.request(), *p.backend);
  p.stored = {sizes.stored, sizes.parameters};
  p.precision = engine::choose_precision(options, p.stored, *p.backend);
  p.info.stored_as = models::describe_stored(*p.checkpoint, p.stored.dtype);
  p.info.computed_as = p.precision.computed_as;
  p.info.why = p.precision.why;
  if (!p.loras.adapters.empty()) {
    p.info.why += ", with adapters added";
  }
  const bool integers = options.backend == BackendKind::kFast && p.precision.quantised;
  p.info.activation_bits = integers ? static_cast<int>(p.precision.activations) : 0;
  p.info.kv_type = engine::kv_type_name(p.precision.kv);
  fill_sizes(p, context);
  fill_names(p);
  return p;
}

uint64_t total_bytes(const ModelInfo& i) {
  return i.weight_bytes + i.kv_bytes + i.work_bytes;
}

// Other precisions and contexts that would fit better, for the refusal.
std::string ways_out(Plan& p, LoadOptions options, uint64_t free_bytes) {
  const ModelInfo before = p.info;
  const auto chosen = p.precision;
  std::string ways;
  uint64_t least = total_bytes(before);
  for (const auto& [wanted, flag] :
       {std::pair{Precision::kBf16, "bf16"}, std::pair{Precision::kInt8, "int8"},
        std::pair{Precision::kInt4, "int4"}, std::pair{Precision::kAuto, "auto"}}) {
    options.dtype = wanted;
    p.precision = engine::choose_precision(options, p.stored, *p.backend);
    fill_sizes(p, before.context);
    if (total_bytes(p.info) >= least) continue;  // each is listed where it saves more
    least = total_bytes(p.info);
    ways += (ways.empty() ? "--dtype " + std::string(flag) + " needs "
                          : ", " + std::string(flag) + " ") +
            gib(least);
  }
  if (!ways.empty()) ways += " GiB";
  p.precision = chosen;
  constexpr size_t kShort = 2048;
  if (before.context > kShort) {
    fill_sizes(p, kShort);
    ways += (ways.empty() ? "" : "; ") + std::string("--ctx 2048 saves ") +
            gib(before.kv_bytes - p.info.kv_bytes) + " GiB";
  }
  p.info = before;
  if (ways.empty())
    ways = "Free " + gib(total_bytes(before) - free_bytes) + " GiB or use a smaller model";
  return ways + ".";
}

void check_memory(Plan& p, const LoadOptions& options) {
  const ModelInfo& i = p.info;
  const uint64_t free_bytes = available_memory();
  if (total_bytes(i) <= free_bytes) return;
  throw Error(ErrorCode::kOutOfMemory, i.name + " needs " + gib(total_bytes(i)) + " GiB in " +
                                           i.computed_as + " (weights " + gib(i.weight_bytes) +
                                           ", context " + gib(i.kv_bytes) + ", work " +
                                           gib(i.work_bytes) + "); " + gib(free_bytes) +
                                           " GiB are free. " + ways_out(p, options, free_bytes));
}

void load_text(engine::LoadedModel& model, const engine::Loras& loras, size_t vocabulary) {
  const Checkpoint& c = *model.checkpoint;
  const auto keep = [](std::string& problem, const auto& read) {
    try {
      read();
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kNotFound && e.code() != ErrorCode::kUnsupported) throw;
      problem = e.what();
    }
  };
  // A model without a readable tokenizer still runs on ids (`heng logits`), one without a readable
  // template on text that is continued; asking for more says why.
  keep(model.tokenizer_problem, [&] {
    const auto folder = engine::tokenizer_folder(loras);
    model.model_tokenizer = folder ? Tokenizer::load(*folder) : text::load_tokenizer(c);
  });
  keep(model.chat_problem, [&] {
    text::ChatFiles files = text::read_chat_files(c);
    if (!loras.empty()) {
      files = engine::with_loras(std::move(files), loras, static_cast<int64_t>(vocabulary));
    }
    model.model_chat_format = text::detect_chat_format(files);
  });
  if (c.generation_config()) {
    model.generation =
        engine::generation_config_from_json(*c.generation_config(), "generation_config.json");
  }
  if (!model.model_tokenizer) return;
  if (!loras.empty()) engine::check_tokenizer_fits(*model.model_tokenizer, loras, vocabulary);
  const auto add_end = [&](TokenId id) {
    auto& ids = model.generation.eos_ids;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  };
  if (model.model_tokenizer->eos_id()) add_end(*model.model_tokenizer->eos_id());
  if (model.model_chat_format) {
    for (TokenId id : model.model_chat_format->stop_ids(*model.model_tokenizer)) add_end(id);
  }
}

}  // namespace

namespace engine {

const Tokenizer& LoadedModel::tokenizer() const {
  if (!model_tokenizer) throw Error(ErrorCode::kUnsupported, tokenizer_problem);
  return *model_tokenizer;
}

const ChatFormat& LoadedModel::chat_format() const {
  if (!chat_problem.empty()) throw Error(ErrorCode::kUnsupported, chat_problem);
  if (!model_chat_format) {
    throw Error(ErrorCode::kUnsupported, text::no_chat_format(model_info.name));
  }
  return *model_chat_format;
}

std::unique_ptr<ops::Backend> make_backend(BackendKind kind, int threads,
                                           ops::ActivationBits bits) {
  if (kind == BackendKind::kReference) return ops::make_reference_backend();
  return ops::make_cpu_backend(kernels::selected_level(), threads, bits);
}

}  // namespace engine

ModelInfo Model::inspect(const std::filesystem::path& path, const LoadOptions& options) {
  return make_plan(path, options).info;
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path,
                                         const LoadOptions& options) {
  Plan p = make_plan(path, options);
  check_memory(p, options);
  auto model = std::make_shared<engine::LoadedModel>();
  model->checkpoint = p.checkpoint;
  model->loras = p.loras.adapters;
  load_text(*model, p.loras.adapters,
            p.spec.vocabulary);  // before the weights: a damaged tokenizer is told at once
  const uint64_t total = p.info.file_bytes;
  ThreadPool pool(p.threads);
  const auto on_progress = [&](uint64_t done) {
    if (options.on_progress) options.on_progress(std::min(done, total), total);
  };
  auto kept = engine::load_kept_weights(p.request(), *p.backend, pool, options, on_progress);
  model->weights = std::move(kept.weights);
  p.info.repacked = std::move(kept.repacked);
  if (options.on_progress) options.on_progress(total, total);
  model->spec = p.spec;
  model->kv_type = p.precision.kv;
  model->backend = options.backend;
  model->activations = p.precision.activations;
  model->model_info = std::move(p.info);
  return model;
}

std::string describe(const ModelInfo& i) {
  const auto mega = [](uint64_t bytes) {
    return bytes >= (1u << 30) ? gib(bytes) + " GiB" : std::to_string(bytes / 1000000) + " MB";
  };
  std::string context = std::to_string(i.context);
  if (context.size() > 3) context.insert(context.size() - 3, ",");
  std::string name = i.name;
  for (const LoraInfo& lora : i.loras) name += " + " + lora.name;
  const std::string activations =
      i.activation_bits ? " (" + std::to_string(i.activation_bits) + "-bit activations)" : "";
  return name + " · " + i.architecture + " · " + i.computed_as + ", " + i.why + activations +
         " · " + mega(i.weight_bytes) + " of weights + " + mega(i.kv_bytes) + " for " + context +
         " tokens · " + i.isa + ", " + std::to_string(i.threads) +
         (i.threads == 1 ? " thread" : " threads");
}

}  // namespace heng
