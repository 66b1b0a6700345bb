// heng serve: models behind an OpenAI-compatible API.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "base/user_folders.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "heng/auto_model.h"
#include "server/server.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  std::vector<std::string> models, aliases, providers;
  LoadOptions load;
  EngineOptions engine;
  server::ServerOptions server;
  double memory_gib = 0;
  int64_t idle_unload = 0, drain = 10, body_mib = 32;
  std::string log = "plain", format, votes;
};

std::vector<server::ModelSource> sources(const Options& o) {
  if (o.models.size() > 1 && !o.load.loras.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--lora: with several models it is not known for which. Merge it first (heng "
                "merge), or serve one model.");
  }
  std::vector<server::ModelSource> all;
  for (const std::string& model : o.models) {
    LoadOptions load = o.load;
    load.repack_cache = default_repack_cache();
    all.push_back({resolve_model(model), load, o.engine, o.format});
  }
  return all;
}

server::RegistryOptions registry(const Options& o) {
  server::RegistryOptions options;
  options.memory_bytes = static_cast<uint64_t>(o.memory_gib * (1u << 30));
  options.idle_unload = std::chrono::seconds(o.idle_unload);
  for (const std::string& alias : o.aliases) {
    const size_t equals = alias.find('=');
    options.aliases[alias.substr(0, equals)] =
        equals == std::string::npos ? "" : alias.substr(equals + 1);
  }
  return options;
}

std::string fresh_key() {
  std::random_device random;
  std::string key = "heng-";
  for (int i = 0; i < 5; ++i) key += fmt::format("{:08x}", random());
  return key;
}

// Whoever reaches the machine reaches the server: a key is asked for there in any case.
void settle_access(server::ServerOptions& options) {
  server::AccessRules& access = options.access;
  access.loopback = server::is_loopback_name(options.host);
  if (const char* key = std::getenv("HENG_API_KEY"); key && *key) access.keys.emplace_back(key);
  for (const std::string& key : access.keys) {
    if (key.empty()) throw Error(ErrorCode::kInvalidArgument, "--api-key: an empty key is none.");
  }
  if (access.loopback || !access.keys.empty()) return;
  access.keys.push_back(fresh_key());
  fmt::print(stderr, "{}\n", text(Phrase::kServeKey, options.host, access.keys.front()));
}

// A file that was named must work; without the default one the server runs all the same, and
// `why_off` says why.
std::shared_ptr<server::VoteStore> open_votes(const std::string& wanted, std::string& why_off) {
  if (wanted == "off") return nullptr;
  if (!wanted.empty()) return std::make_shared<server::VoteStore>(wanted);
  try {
    const auto folder = user_folder(UserFolder::kData);
    if (!folder.empty()) return std::make_shared<server::VoteStore>(folder / "votes.db");
    why_off = "there is no home folder for them. Name a file with --votes.";
  } catch (const Error& error) {
    why_off = error.what();
  }
  return nullptr;
}

int run(Options o) {
  settle_access(o.server);
  for (const std::string& provider : o.providers) {
    o.server.providers.push_back(remote::parse_provider(provider));
  }
  std::string why_no_votes;
  o.server.votes = open_votes(o.votes, why_no_votes);
  o.server.version = HENG_VERSION;
  o.server.handle_signals = true;
  o.server.drain = std::chrono::seconds(o.drain);
  o.server.http.body_bytes = static_cast<size_t>(o.body_mib) << 20;
  o.server.log = o.log == "json"   ? server::LogFormat::kJson
                 : o.log == "none" ? server::LogFormat::kNone
                                   : server::LogFormat::kPlain;
  const auto models = sources(o);
  server::Server server(o.server, models, registry(o));
  if (!why_no_votes.empty()) server.log().write("votes_off", {{"reason", why_no_votes}});
  for (const auto& model : models) {
    if (o.log != "plain") break;
    terminal::note(describe(Model::inspect(model.path, model.load)), terminal::Stream::kErr);
  }
  const std::string host =
      o.server.host.find(':') == std::string::npos ? o.server.host : "[" + o.server.host + "]";
  const auto end = server.run([&] {
    if (o.log == "json") {
      return server.log().write(
          "ready",
          {{"model", server.first_model()}, {"host", o.server.host}, {"port", server.port()}});
    }
    fmt::print(stderr, "{}\n",
               text(Phrase::kServeReady, server.first_model(), host, server.port()));
  });
  return end.cut_off ? 128 + end.signal : kDone;
}

void add_limits(CLI::App& command, Options& o) {
  const std::string group = text(Phrase::kGroupServe);
  const auto add = [&](const char* flag, auto& target, Phrase meaning, const char* unit, auto least,
                       auto most) {
    command.add_option(flag, target, text(meaning))
        ->check(CLI::Range(least, most))
        ->option_text(unit)
        ->group(group);
  };
  add("--kv-tokens", o.engine.kv_tokens, Phrase::kOptionKvTokens, "TOKENS", 64, 1 << 28);
  add("--max-batch", o.engine.max_batch, Phrase::kOptionMaxBatch, "N", 1, 1024);
  add("--max-queue", o.engine.max_queue, Phrase::kOptionMaxQueue, "N", 1, 1 << 20);
  add("--prompt-chunk", o.engine.prompt_chunk, Phrase::kOptionPromptChunk, "TOKENS", 1, 1 << 16);
  add("--max-connections", o.server.http.connections, Phrase::kOptionConnections, "N", 1, 1 << 20);
  add("--max-body", o.body_mib, Phrase::kOptionMaxBody, "MIB", 1, 4096);
  add("--model-memory", o.memory_gib, Phrase::kOptionModelMemory, "GIB", 0.0, 1e6);
  add("--idle-unload", o.idle_unload, Phrase::kOptionIdleUnload, "SECONDS", 0, 1 << 30);
  add("--drain", o.drain, Phrase::kOptionDrain, "SECONDS", 0, 86400);
}

void add_access(CLI::App& command, Options& o) {
  const auto add = [&](const char* flag, auto& target, Phrase meaning, const char* unit) {
    return command.add_option(flag, target, text(meaning))->option_text(unit);
  };
  add("--host", o.server.host, Phrase::kOptionHost, "ADDRESS");
  add("--port", o.server.port, Phrase::kOptionPort, "N")->check(CLI::Range(0, 65535));
  const auto one_each = [](CLI::Option* option) { option->allow_extra_args(false); };
  one_each(add("--api-key", o.server.access.keys, Phrase::kOptionApiKey, "KEY"));
  one_each(add("--allow-host", o.server.access.hosts, Phrase::kOptionAllowHost, "NAME"));
  one_each(add("--cors-origin", o.server.access.origins, Phrase::kOptionCorsOrigin, "ORIGIN"));
  one_each(add("--alias", o.aliases, Phrase::kOptionAlias, "NAME[=MODEL]"));
  one_each(add("--provider", o.providers, Phrase::kOptionProvider, "NAME=MODEL@URL[#VARIABLE]"));
  add("--votes", o.votes, Phrase::kOptionVotes, "FILE|off");
  add("--log", o.log, Phrase::kOptionLog, "plain|json|none")
      ->check(CLI::IsMember({"plain", "json", "none"}));
}

}  // namespace

void add_serve(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("serve", text(Phrase::kCommandServe));
  command->add_option("MODEL", o->models, text(Phrase::kOptionModels))
      ->required()
      ->option_text("...");
  add_load_options(*command, o->load);
  command->add_option("--template", o->format, text(Phrase::kOptionTemplate))->option_text("NAME");
  add_access(*command, *o);
  add_limits(*command, *o);
  command->footer(text(Phrase::kExamplesServe));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
