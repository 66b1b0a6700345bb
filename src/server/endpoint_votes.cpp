// POST /heng/rounds, POST /heng/votes, GET /heng/votes/table: models compared without their names.
#include <cmath>
#include <map>
#include <set>

#include "server/endpoints.h"
#include "statistics/ratings.h"

namespace heng::server {
namespace {

constexpr auto kShape = ErrorShape::kOpenAi;
constexpr size_t kMostColumns = 4;

VoteStore& votes_of(Service& service) {
  if (service.votes) return *service.votes;
  throw ApiError(404, "votes are off: start the server with --votes FILE.", "", "votes_off");
}

// Names as they are served.
std::vector<std::string> read_models(const Service& service, const Fields& fields) {
  std::vector<std::string> models;
  for (const std::string& name : fields.strings("models", kMostColumns)) {
    models.push_back(service.providers.contains(name) ? name : service.models.resolve(name));
  }
  if (models.size() < 2) fields.fail("models", "expected two to four names");
  if (std::set(models.begin(), models.end()).size() != models.size()) {
    fields.fail("models", "a model cannot stand against itself");
  }
  return models;
}

// "1" to "4", "tie", "bad" or "skip"; nullopt is the last: the names are told and nothing is kept.
std::optional<int> read_choice(const Fields& fields) {
  const std::string text = fields.need_string("choice");
  if (text == "skip") return std::nullopt;
  if (text == "tie") return StoredVote::kTie;
  if (text == "bad") return StoredVote::kAllBad;
  if (text.size() == 1 && text[0] >= '1' && text[0] <= '4') return text[0] - '1';
  fields.fail("choice", "expected a column from \"1\" on, \"tie\", \"bad\" or \"skip\"");
}

// A tenth of a point is more than the votes of a lifetime tell.
double shown(double rating) {
  return std::round(rating * 10) / 10;
}

Json table(const std::vector<StoredVote>& votes) {
  std::map<std::string, size_t> places;
  for (const StoredVote& vote : votes) {
    for (const std::string& model : vote.models) places.emplace(model, 0);
  }
  size_t n = 0;
  for (auto& [name, place] : places) place = n++;
  std::vector<statistics::Comparison> comparisons;
  for (const StoredVote& vote : votes) {
    statistics::Comparison comparison{{}, vote.choice};
    for (const std::string& model : vote.models) comparison.models.push_back(places[model]);
    comparisons.push_back(std::move(comparison));
  }
  const auto ratings = statistics::rate(comparisons, n);
  std::vector<Json> rows;
  for (const auto& [name, place] : places) {
    const statistics::Rating& r = ratings[place];
    rows.push_back({{"model", name},
                    {"rating", shown(r.rating)},
                    {"low", shown(r.low)},
                    {"high", shown(r.high)},
                    {"votes", r.n_votes},
                    {"wins", r.wins},
                    {"ties", r.ties},
                    {"losses", r.losses}});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Json& a, const Json& b) { return a["rating"] > b["rating"]; });
  return {{"votes", votes.size()}, {"models", rows}};
}

}  // namespace

void post_round(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape, [&service, exchange] {
    votes_of(service);
    const Json json = parse_body(exchange->request.body);
    const auto opened = service.rounds.open(read_models(service, Fields(json)));
    respond_json(exchange, {{"round", opened.id}, {"columns", opened.columns}});
  });
}

void post_vote(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape, [&service, exchange] {
    VoteStore& store = votes_of(service);
    const Json json = parse_body(exchange->request.body);
    const Fields fields(json);
    const std::string id = fields.need_string("round");
    const auto choice = read_choice(fields);
    const auto closed = service.rounds.close(id, /*always=*/!choice, choice.value_or(0));
    if (choice) store.add({closed.models, *choice});
    respond_json(exchange, {{"models", closed.models}, {"stored", choice.has_value()}});
  });
}

void get_vote_table(Service& service, const ExchangePtr& exchange) {
  on_worker(service, exchange, kShape,
            [&service, exchange] { respond_json(exchange, table(votes_of(service).all())); });
}

}  // namespace heng::server
