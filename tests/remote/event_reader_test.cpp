#include "remote/event_reader.h"

#include <gtest/gtest.h>

#include <vector>

#include "heng/error.h"

namespace heng::remote {
namespace {

std::vector<std::string> events_of(std::string_view text, size_t piece) {
  EventReader reader;
  std::vector<std::string> events;
  for (size_t at = 0; at < text.size(); at += piece) {
    reader.push(text.substr(at, piece));
    while (auto event = reader.next()) events.push_back(*event);
  }
  return events;
}

TEST(EventReader, ReadsAlikeInPiecesOfAnySize) {
  const std::string text =
      ": comment\n\ndata: one\n\nevent: x\r\nid: 4\r\ndata:two\r\ndata: lines\r\n\r\ndata: "
      "é\r\rdata\n\n"
      "data: \n\ndata: not ended";
  const std::vector<std::string> expected = {"one", "two\nlines", "é", ""};
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(events_of(text, piece), expected) << piece;
  }
}

TEST(EventReader, AnEventHasALongestLength) {
  EventReader reader;
  const std::string much(1u << 20, 'a');
  EXPECT_THROW(
      {
        for (int i = 0; i < 10; ++i) {
          reader.push("data: " + much);
          reader.next();
        }
      },
      Error);
}

}  // namespace
}  // namespace heng::remote
