// A model on this machine as an Answerer: many questions at a time through one Engine, which
// computes what they begin with alike once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "eval/answerer.h"
#include "heng/engine.h"

namespace heng::eval {

struct EngineAnswererOptions {
  std::string fingerprint;  // of the model's files
  size_t together = 32;     // questions under way at a time
};

class EngineAnswerer : public Answerer {
 public:
  // Throws Error as Engine.
  EngineAnswerer(std::shared_ptr<const Model> model, EngineAnswererOptions options);

  std::string name() const override { return model_->info().name; }
  bool is_chat() const override { return model_->has_chat_format(); }
  nlohmann::json identity() const override;
  void answer(std::span<const Query> queries, const OnAnswer& on_answer) override;

  EngineStats stats() const { return engine_.stats(); }

 private:
  struct Open;  // a query under way

  Request make_request(const Query& query, Answer& answer) const;
  void submit(size_t index, const Query& query);

  void cancel_open();

  std::shared_ptr<const Model> model_;
  const EngineAnswererOptions options_;
  std::map<RequestId, std::shared_ptr<Open>> open_;
  std::vector<std::shared_ptr<Open>> ended_;
  Engine engine_;  // ends first: it may call back to the above
};

}  // namespace heng::eval
