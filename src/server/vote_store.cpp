#include "server/vote_store.h"

#include "base/json.h"
#include "heng/error.h"
#include "server/reply_shapes.h"

namespace heng::server {
namespace {

constexpr database::DatabaseKind kVotes = {
    .application = 0x68656e67,  // "heng"
    .version = 1,
    .tables =
        "CREATE TABLE IF NOT EXISTS votes (id INTEGER PRIMARY KEY, at TEXT NOT NULL,"
        " models TEXT NOT NULL, choice INTEGER NOT NULL);",
    .way = "Name another file with --votes, or --votes off."};

// `file`, in a folder that is there.
const std::filesystem::path& in_its_folder(const std::filesystem::path& file) {
  std::error_code ignored;  // opening says what is wrong
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), ignored);
  return file;
}

}  // namespace

VoteStore::VoteStore(const std::filesystem::path& file) : database_(in_its_folder(file), kVotes) {}

void VoteStore::add(const StoredVote& vote) {
  const std::lock_guard lock(mutex_);
  database::Statement insert(database_, "INSERT INTO votes (at, models, choice) VALUES (?, ?, ?)");
  insert.bind(iso_time());
  insert.bind(to_text(vote.models));
  insert.bind(vote.choice);
  insert.step();
}

std::vector<StoredVote> VoteStore::all() const {
  const std::lock_guard lock(mutex_);
  database::Statement select(database_, "SELECT models, choice FROM votes ORDER BY id");
  std::vector<StoredVote> votes;
  while (select.step()) {
    StoredVote vote;
    const Json models = Json::parse(select.text(0), nullptr, /*allow_exceptions=*/false);
    vote.choice = static_cast<int>(select.integer(1));
    for (const Json& model : models.is_array() ? models : Json::array()) {
      if (model.is_string()) vote.models.push_back(model.get<std::string>());
    }
    const auto n = static_cast<int>(vote.models.size());
    if (n < 2 || n != static_cast<int>(models.size()) || vote.choice < StoredVote::kAllBad ||
        vote.choice >= n) {
      throw Error(ErrorCode::kCorrupt,
                  database_.path().string() + ": vote " + std::to_string(votes.size() + 1) +
                      " is none. Was the file edited? Name another one with --votes.");
    }
    votes.push_back(std::move(vote));
  }
  return votes;
}

}  // namespace heng::server
