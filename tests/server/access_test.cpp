#include "server/access.h"

#include <gtest/gtest.h>

namespace heng::server {
namespace {

TEST(Host, OfALoopbackServerIsALoopbackName) {
  const AccessRules rules{.hosts = {"box.lan"}};
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080",
                           "127.200.3.4", "[::1]", "[::1]:8080", "api.localhost", "box.lan:8080"}) {
    EXPECT_TRUE(host_allowed(rules, host)) << host;
  }
  for (const char* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                           "127.0.0", "127.0.0.1.1", "127.0.0.256", "127.0.0.", "128.0.0.1",
                           "0.0.0.0", "[::2]", "[::1", "notlocalhost", "box.lan.evil.example"}) {
    EXPECT_FALSE(host_allowed(rules, host)) << host;
  }
  EXPECT_TRUE(host_allowed({.loopback = false}, "evil.example"));
}

TEST(Origin, OfOtherSitesIsRefusedUnlessListed) {
  const AccessRules rules{.origins = {"https://chat.example"}};
  EXPECT_TRUE(origin_allowed(rules, "", "localhost:8080"));
  EXPECT_TRUE(origin_allowed(rules, "http://localhost:8080", "localhost:8080"));
  EXPECT_TRUE(origin_allowed(rules, "https://Chat.example", "localhost:8080"));
  for (const char* origin :
       {"null", "http://localhost:9", "http://evil.example", "https://chat.example.evil",
        "http://chat.example", "localhost:8080"}) {
    EXPECT_FALSE(origin_allowed(rules, origin, "localhost:8080")) << origin;
  }
}

TEST(Key, IsTheWholeKeyOfABearer) {
  const AccessRules rules{.keys = {"first-key", "second"}};
  EXPECT_EQ(key_index(rules, "Bearer first-key"), 0u);
  EXPECT_EQ(key_index(rules, "bearer second"), 1u);
  for (const char* given : {"", "Bearer", "Bearer ", "Bearer first-ke", "Bearer first-keys",
                            "Bearer first-keyfirst-key", "Basic first-key", "first-key",
                            "Bearer secondsecond", "Bearer  second"}) {
    EXPECT_FALSE(key_index(rules, given)) << given;
  }
  EXPECT_FALSE(key_index({}, "Bearer x"));
}

TEST(ContentType, OfJson) {
  EXPECT_TRUE(is_json("application/json"));
  EXPECT_TRUE(is_json("Application/JSON ; charset=utf-8"));
  for (const char* type : {"", "text/plain", "application/jsonp",
                           "application/x-www-form-urlencoded", "text/plain; application/json"}) {
    EXPECT_FALSE(is_json(type)) << type;
  }
}

}  // namespace
}  // namespace heng::server
