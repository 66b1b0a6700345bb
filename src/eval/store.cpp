#include "eval/store.h"

#include "base/json.h"

namespace heng::eval {
namespace {

using database::Statement;
using nlohmann::json;

constexpr database::DatabaseKind kRun = {
    .application = 0x68656e72,  // "henr"
    .version = 1,
    .tables =
        "CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS answers (task TEXT NOT NULL, protocol TEXT NOT NULL,"
        " question INTEGER NOT NULL, sample INTEGER NOT NULL, subject TEXT NOT NULL,"
        " row INTEGER NOT NULL, answer TEXT NOT NULL, verdict TEXT NOT NULL,"
        " PRIMARY KEY (task, protocol, question, sample));",
    .way = "Name another with --out."};

json to_json(const Answer& answer) {
  json value = {{"prompt_tokens", answer.prompt_tokens}};
  if (!answer.letters.probs.empty()) {
    value["probs"] = answer.letters.probs;
    value["bf16_probs"] = answer.letters.bf16_probs;
  } else {
    value["text"] = answer.text;
    value["reply_tokens"] = answer.reply_tokens;
    if (answer.reply_cut) value["reply_cut"] = true;
  }
  if (answer.prompt_cut) value["prompt_cut"] = true;
  if (!answer.problem.empty()) value["problem"] = answer.problem;
  return value;
}

Answer answer_of(const json& value) {
  Answer answer;
  answer.text = value.value("text", "");
  answer.letters.probs = value.value("probs", std::vector<float>());
  answer.letters.bf16_probs = value.value("bf16_probs", std::vector<float>());
  answer.prompt_tokens = value.value("prompt_tokens", size_t{0});
  answer.reply_tokens = value.value("reply_tokens", size_t{0});
  answer.reply_cut = value.value("reply_cut", false);
  answer.prompt_cut = value.value("prompt_cut", false);
  answer.problem = value.value("problem", "");
  return answer;
}

// The first member in which two manifests differ, for people.
std::string difference(const json& kept, const json& wanted, const std::string& path) {
  if (!kept.is_object() || !wanted.is_object()) {
    const std::string name = path.empty() ? "the manifest" : path.substr(1);
    return name + " was " + kept.dump() + ", is " + wanted.dump();
  }
  for (const auto& [key, value] : wanted.items()) {
    if (!kept.contains(key)) return (path + "." + key).substr(1) + " is new";
    if (kept[key] != value) return difference(kept[key], value, path + "." + key);
  }
  return "it names more than is asked for";
}

}  // namespace

Store::Store(const std::filesystem::path& path) : database_(path, kRun) {}

json Store::manifest() const {
  Statement find(database_, "SELECT value FROM run WHERE key = 'manifest'");
  if (!find.step()) return nullptr;
  return parse_json(find.text(0), path().string() + " (manifest)");
}

void Store::begin(const json& manifest) {
  const json kept = this->manifest();
  if (kept.is_null()) {
    Statement add(database_, "INSERT INTO run VALUES ('manifest', ?)");
    add.bind(manifest.dump(-1, ' ', false, json::error_handler_t::replace));
    add.step();
    return;
  }
  if (kept == manifest) return;
  throw Error(ErrorCode::kInvalidArgument,
              path().string() + ": holds another run: " + difference(kept, manifest, "") +
                  ". Name another file with --out, or remove this one.");
}

void Store::add(std::string_view task, std::string_view protocol, const Kept& kept) {
  Statement add(database_, "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  add.bind(task);
  add.bind(protocol);
  add.bind(static_cast<int64_t>(kept.question));
  add.bind(static_cast<int64_t>(kept.sample));
  add.bind(kept.subject);
  add.bind(static_cast<int64_t>(kept.row));
  add.bind(to_json(kept.answer).dump(-1, ' ', false, json::error_handler_t::replace));
  add.bind(kept.verdict);
  add.step();
}

std::vector<Kept> Store::answers(std::string_view task, std::string_view protocol) const {
  Statement find(database_,
                 "SELECT question, sample, subject, row, answer, verdict FROM answers"
                 " WHERE task = ? AND protocol = ? ORDER BY question, sample");
  find.bind(task);
  find.bind(protocol);
  std::vector<Kept> all;
  while (find.step()) {
    Kept kept;
    kept.question = static_cast<size_t>(find.integer(0));
    kept.sample = static_cast<int>(find.integer(1));
    kept.subject = find.text(2);
    kept.row = static_cast<size_t>(find.integer(3));
    try {
      kept.answer = answer_of(parse_json(find.text(4), path().string() + " (answers)"));
    } catch (const json::exception& error) {
      throw Error(ErrorCode::kCorrupt, path().string() + ": answer to question " +
                                           std::to_string(kept.question) + ": " + error.what());
    }
    kept.verdict = find.text(5);
    all.push_back(std::move(kept));
  }
  return all;
}

}  // namespace heng::eval
