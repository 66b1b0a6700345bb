#include "eval/store.h"

#include <sqlite3.h>

#include "base/json.h"
#include "base/message.h"

namespace heng::eval {
namespace {

using nlohmann::json;

constexpr int kBusyMilliseconds = 5000;

// A prepared statement. Values are bound in order; text is copied.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql) {
    code_ = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(std::string_view text) {
    note(sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8));
  }
  void bind(int64_t value) { note(sqlite3_bind_int64(statement_, ++bound_, value)); }

  // Whether there is a row.
  bool step() {
    if (code_ != SQLITE_OK) return false;
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) code_ = code;
    return code == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes ? std::string(bytes, sqlite3_column_bytes(statement_, column)) : std::string();
  }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  int code() const { return code_; }

 private:
  void note(int code) {
    if (code_ == SQLITE_OK) code_ = code;
  }

  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
  int bound_ = 0;
};

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

void Store::Close::operator()(sqlite3* db) const {
  sqlite3_close(db);
}

Store::Store(const std::filesystem::path& path) : path_(path) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) fail(code);
  sqlite3_busy_timeout(db, kBusyMilliseconds);
  execute("PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=NORMAL");
  execute("CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
  execute(
      "CREATE TABLE IF NOT EXISTS answers (task TEXT NOT NULL, protocol TEXT NOT NULL,"
      " question INTEGER NOT NULL, sample INTEGER NOT NULL, subject TEXT NOT NULL,"
      " row INTEGER NOT NULL, answer TEXT NOT NULL, verdict TEXT NOT NULL,"
      " PRIMARY KEY (task, protocol, question, sample))");
}

void Store::fail(int code) const {
  const std::string file = path_.string();
  const std::string said = db_ ? printable(sqlite3_errmsg(db_.get())) : "out of memory";
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
      throw Error(ErrorCode::kOutOfMemory,
                  file + ": cannot be written: " + said +
                      ". What was answered is kept; the same command goes on from there.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::kBusy, file + ": another program writes to this run.");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw Error(ErrorCode::kNotFound,
                  file + ": cannot be opened for writing: " + said + ". Name another with --out.");
    default:
      throw Error(ErrorCode::kCorrupt, file + ": is no run of heng eval, or damaged: " + said +
                                           ". Name another with --out.");
  }
}

void Store::execute(const char* sql) const {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

json Store::manifest() const {
  Statement find(db_.get(), "SELECT value FROM run WHERE key = 'manifest'");
  if (!find.step()) {
    if (find.code() != SQLITE_OK) fail(find.code());
    return nullptr;
  }
  return parse_json(find.text(0), path_.string() + " (manifest)");
}

void Store::begin(const json& manifest) {
  const json kept = this->manifest();
  if (kept.is_null()) {
    Statement add(db_.get(), "INSERT INTO run VALUES ('manifest', ?)");
    add.bind(manifest.dump(-1, ' ', false, json::error_handler_t::replace));
    add.step();
    if (add.code() != SQLITE_OK) fail(add.code());
    return;
  }
  if (kept == manifest) return;
  throw Error(ErrorCode::kInvalidArgument,
              path_.string() + ": holds another run: " + difference(kept, manifest, "") +
                  ". Name another file with --out, or remove this one.");
}

void Store::add(std::string_view task, std::string_view protocol, const Kept& kept) {
  Statement add(db_.get(), "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  add.bind(task);
  add.bind(protocol);
  add.bind(static_cast<int64_t>(kept.question));
  add.bind(static_cast<int64_t>(kept.sample));
  add.bind(kept.subject);
  add.bind(static_cast<int64_t>(kept.row));
  add.bind(to_json(kept.answer).dump(-1, ' ', false, json::error_handler_t::replace));
  add.bind(kept.verdict);
  add.step();
  if (add.code() != SQLITE_OK) fail(add.code());
}

std::vector<Kept> Store::answers(std::string_view task, std::string_view protocol) const {
  Statement find(db_.get(),
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
      kept.answer = answer_of(parse_json(find.text(4), path_.string() + " (answers)"));
    } catch (const json::exception& error) {
      throw Error(ErrorCode::kCorrupt, path_.string() + ": answer to question " +
                                           std::to_string(kept.question) + ": " + error.what());
    }
    kept.verdict = find.text(5);
    all.push_back(std::move(kept));
  }
  if (find.code() != SQLITE_OK) fail(find.code());
  return all;
}

size_t Store::count(std::string_view task, std::string_view protocol) const {
  Statement find(db_.get(), "SELECT COUNT(*) FROM answers WHERE task = ? AND protocol = ?");
  find.bind(task);
  find.bind(protocol);
  if (!find.step()) fail(find.code());
  return static_cast<size_t>(find.integer(0));
}

}  // namespace heng::eval
