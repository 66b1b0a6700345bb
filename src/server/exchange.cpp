#include "server/exchange.h"

#include <utility>

namespace heng::server {

void Exchange::respond(Response response) {
  if (!open_) return;
  facts.status = response.status;
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  const auto wire = wire_;
  end();
  wire->send(std::move(response));
}

void Exchange::begin_stream(std::string_view content_type) {
  if (!open_) return;
  facts.status = 200;
  wire_->send_head(content_type, headers);
}

void Exchange::write(std::string_view bytes) {
  if (open_) wire_->send_piece(bytes);
}

void Exchange::end_stream() {
  if (!open_) return;
  const auto wire = wire_;
  end();
  wire->send_end();
}

void Exchange::abandon() {
  if (!open_) return;
  const auto wire = wire_;
  end();
  wire->drop();
}

void Exchange::when_gone(std::function<void()> callback) {
  if (left_ || !open_) {
    callback();
  } else {
    gone_ = std::move(callback);
  }
}

void Exchange::note_client_left() {
  left_ = true;
  // The callback may end the exchange, and with it itself.
  if (const auto gone = std::exchange(gone_, nullptr)) gone();
}

void Exchange::note_broken(std::string_view why) {
  if (!open_) return;
  if (facts.outcome.empty()) facts.outcome = why;
  const auto gone = std::exchange(gone_, nullptr);
  left_ = true;
  end();
  if (gone) gone();
}

void Exchange::end() {
  const auto self = shared_from_this();  // the connection may hold the last other reference
  open_ = false;
  wire_.reset();
  gone_ = nullptr;
  if (const auto done = std::exchange(on_end, nullptr)) done(*this);
}

}  // namespace heng::server
