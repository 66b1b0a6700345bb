#include "database/database.h"

#include <sqlite3.h>

#include "base/message.h"
#include "heng/error.h"

namespace heng::database {
namespace {

constexpr int kBusyMilliseconds = 5000;

}  // namespace

void Database::Close::operator()(sqlite3* db) const {
  sqlite3_close_v2(db);
}

Database::Database(std::filesystem::path path, const DatabaseKind& kind)
    : path_(std::move(path)), way_(kind.way) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path_.c_str(), &db, flags, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) fail(code);
  sqlite3_busy_timeout(db, kBusyMilliseconds);
  execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  const auto number = [&](const char* sql) {
    Statement statement(*this, sql);
    statement.step();
    return statement.integer(0);
  };
  if (number("SELECT count(*) FROM sqlite_master") > 0 &&
      (number("PRAGMA application_id") != kind.application ||
       number("PRAGMA user_version") != kind.version)) {
    throw Error(
        ErrorCode::kCorrupt,
        path_.string() + ": a database of something else, or of another version of heng. " + way_);
  }
  // Together: whoever is killed in between leaves an empty file.
  execute("BEGIN; " + std::string(kind.tables) +
          " PRAGMA application_id = " + std::to_string(kind.application) +
          "; PRAGMA user_version = " + std::to_string(kind.version) + "; COMMIT;");
}

void Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const {
  const std::string file = path_.string();
  const std::string said = db_ ? printable(sqlite3_errmsg(db_.get())) : "out of memory";
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
      throw Error(ErrorCode::kOutOfMemory,
                  file + ": cannot be written: " + said + ". What was written before is kept.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::kBusy, file + ": another program writes to it.");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw Error(ErrorCode::kNotFound,
                  file + ": cannot be opened for writing: " + said + ". " + way_);
    default:
      throw Error(ErrorCode::kCorrupt,
                  file + ": is no database, or damaged: " + said + ". " + way_);
  }
}

Statement::Statement(const Database& database, std::string_view sql) : database_(database) {
  check(sqlite3_prepare_v2(database.db_.get(), sql.data(), static_cast<int>(sql.size()),
                           &statement_, nullptr));
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::bind(std::string_view text) {
  check(sqlite3_bind_text64(statement_, ++n_bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
}

void Statement::bind(int64_t value) {
  check(sqlite3_bind_int64(statement_, ++n_bound_, value));
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) database_.fail(code);
  return code == SQLITE_ROW;
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return "";
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_.fail(code);
}

}  // namespace heng::database
