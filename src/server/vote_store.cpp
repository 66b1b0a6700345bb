#include "server/vote_store.h"

#include <sqlite3.h>

#include "base/json.h"
#include "base/message.h"
#include "server/reply_shapes.h"

namespace heng::server {
namespace {

constexpr int kVersion = 1;               // of the tables, as PRAGMA user_version
constexpr int kApplication = 0x68656e67;  // "heng", as PRAGMA application_id
constexpr int kBusyMilliseconds = 3000;   // another server may write to the same file
constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS votes (id INTEGER PRIMARY KEY, at TEXT NOT NULL,"
    " models TEXT NOT NULL, choice INTEGER NOT NULL);";

}  // namespace

class VoteStore::Statement {
 public:
  Statement(const VoteStore& store, const char* sql) : store_(store) {
    if (sqlite3_prepare_v2(store.db_, sql, -1, &statement_, nullptr) != SQLITE_OK) {
      store.fail("read");
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int place, const std::string& text) {
    sqlite3_bind_text(statement_, place, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
  }
  void bind(int place, int number) { sqlite3_bind_int(statement_, place, number); }
  // Whether there is a row.
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) store_.fail("read or written");
    return code == SQLITE_ROW;
  }
  int integer(int column) const { return sqlite3_column_int(statement_, column); }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes ? std::string(bytes, sqlite3_column_bytes(statement_, column)) : "";
  }

 private:
  const VoteStore& store_;
  sqlite3_stmt* statement_ = nullptr;
};

void VoteStore::fail(const std::string& doing) const {
  const int code = db_ ? sqlite3_errcode(db_) : SQLITE_NOMEM;
  const bool is_damaged = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
  throw Error(is_damaged ? ErrorCode::kCorrupt : ErrorCode::kInvalidArgument,
              file_.string() + ": cannot be " + doing + ": " +
                  (db_ ? sqlite3_errmsg(db_) : "no memory") +
                  ". Name another file with --votes, or --votes off.");
}

void VoteStore::run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail("opened");
}

VoteStore::VoteStore(const std::filesystem::path& file) : file_(file) {
  std::error_code ignored;  // opening says what is wrong
  if (file_.has_parent_path()) std::filesystem::create_directories(file_.parent_path(), ignored);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(file_.c_str(), &db_, flags, nullptr);
  try {
    if (opened != SQLITE_OK) fail("opened");
    sqlite3_busy_timeout(db_, kBusyMilliseconds);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    Statement tables(*this, "SELECT count(*) FROM sqlite_master");
    const bool is_new = tables.step() && tables.integer(0) == 0;
    Statement id(*this, "PRAGMA application_id"), version(*this, "PRAGMA user_version");
    id.step();
    version.step();
    if (!is_new && (id.integer(0) != kApplication || version.integer(0) != kVersion)) {
      throw Error(ErrorCode::kCorrupt, file_.string() +
                                           ": a database of something else, or of another "
                                           "version of heng. Name another file with --votes.");
    }
  } catch (...) {
    sqlite3_close_v2(db_);
    throw;
  }
  run(kTables);
  run(("PRAGMA application_id = " + std::to_string(kApplication)).c_str());
  run(("PRAGMA user_version = " + std::to_string(kVersion)).c_str());
}

VoteStore::~VoteStore() {
  sqlite3_close_v2(db_);
}

void VoteStore::add(const StoredVote& vote) {
  const std::lock_guard lock(mutex_);
  Statement insert(*this, "INSERT INTO votes (at, models, choice) VALUES (?, ?, ?)");
  insert.bind(1, iso_time());
  insert.bind(2, to_text(vote.models));
  insert.bind(3, vote.choice);
  insert.step();
}

std::vector<StoredVote> VoteStore::all() const {
  const std::lock_guard lock(mutex_);
  Statement select(*this, "SELECT models, choice FROM votes ORDER BY id");
  std::vector<StoredVote> votes;
  while (select.step()) {
    StoredVote vote;
    const Json models = Json::parse(select.text(0), nullptr, /*allow_exceptions=*/false);
    vote.choice = select.integer(1);
    for (const Json& model : models.is_array() ? models : Json::array()) {
      if (model.is_string()) vote.models.push_back(model.get<std::string>());
    }
    const auto n = static_cast<int>(vote.models.size());
    if (n < 2 || n != static_cast<int>(models.size()) || vote.choice < StoredVote::kAllBad ||
        vote.choice >= n) {
      throw Error(ErrorCode::kCorrupt,
                  file_.string() + ": vote " + std::to_string(votes.size() + 1) +
                      " is none. Was the file edited? Name another one with --votes.");
    }
    votes.push_back(std::move(vote));
  }
  return votes;
}

}  // namespace heng::server
