// A SQLite file that others may read while it is written (write-ahead log), and its statements.
// Owns the connection; one thread at a time. Every error names the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace heng::database {

// What a file holds, so that no other database is written to.
struct DatabaseKind {
  int32_t application;   // PRAGMA application_id
  int32_t version;       // of the tables, PRAGMA user_version
  const char* tables;    // statements that make them
  std::string_view way;  // what to do about a file that will not do: "Name another with --out."
};

class Database {
 public:
  // Opens or makes `path`. Throws Error kNotFound where it cannot be made there, kCorrupt where it
  // is damaged or holds something else, kBusy where another program writes to it for seconds,
  // kOutOfMemory where the disk is full: what was written before stays.
  Database(std::filesystem::path path, const DatabaseKind& kind);

  const std::filesystem::path& path() const { return path_; }

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* db) const;
  };

  void execute(const std::string& sql);
  [[noreturn]] void fail(int code) const;

  const std::filesystem::path path_;
  const std::string way_;
  std::unique_ptr<sqlite3, Close> db_;
};

// Values are bound in order; text is copied. Throws Error as Database.
class Statement {
 public:
  Statement(const Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(std::string_view text);
  void bind(int64_t value);
  // Whether there is a row.
  bool step();
  std::string text(int column) const;
  int64_t integer(int column) const;

 private:
  void check(int code) const;

  const Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int n_bound_ = 0;
};

}  // namespace heng::database
