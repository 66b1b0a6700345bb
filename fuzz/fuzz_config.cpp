// Any text as each of the JSON files of a model folder: config.json or params.json for every
// architecture, generation_config.json, adapter_config.json, and an index of shards. Success or
// heng::Error.
#include <cstdint>
#include <string_view>

#include "checkpoint/lora_config.h"
#include "checkpoint/weight_files.h"
#include "engine/generation_config.h"
#include "models/architecture.h"

namespace {

template <typename Read>
void attempt(const Read& read) {
  try {
    read();
  } catch (const heng::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  attempt([&] { heng::checkpoint::parse_index(text, "fuzz", ".safetensors"); });
  attempt([&] {
    const heng::Json json = heng::parse_json(text, "fuzz");
    attempt([&] { heng::engine::generation_config_from_json(json, "fuzz"); });
    attempt([&] {
      const auto lora = heng::checkpoint::parse_lora_config(heng::JsonObject(json, "fuzz"));
      lora.scale_of("model.layers.0.self_attn.q_proj");
      lora.targets_of("model.layers.0.self_attn.q_proj");
    });
    for (const auto* architecture : heng::models::all_architectures()) {
      if (!architecture->read_config) continue;  // read from GGUF files only
      attempt([&] { architecture->read_config(heng::JsonObject(json, "fuzz")); });
    }
  });
  return 0;
}
