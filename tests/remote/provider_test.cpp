#include "remote/provider.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "heng/error.h"

namespace heng::remote {
namespace {

TEST(Provider, HasNameModelAddressAndKey) {
  ::setenv("HENG_TEST_KEY", "k", 1);
  const Provider p =
      parse_provider("gpt=openai/gpt-4@2024@https://api.example.com:8443/v1/#HENG_TEST_KEY");
  EXPECT_EQ(p.name, "gpt");
  EXPECT_EQ(p.model, "openai/gpt-4@2024");
  EXPECT_EQ(p.base_url, "https://api.example.com:8443/v1");
  EXPECT_EQ(p.key_variable, "HENG_TEST_KEY");
  EXPECT_EQ(p.host(), "api.example.com");
  EXPECT_EQ(p.key(), "k");
  EXPECT_EQ(parse_provider("a=b@http://[::1]:80/v1").host(), "[::1]");
  EXPECT_EQ(parse_provider("a=b@http://localhost/v1").key(), "");
}

TEST(Provider, RefusesWhatWouldNotBeSafe) {
  ::unsetenv("HENG_NO_KEY");
  ::setenv("HENG_BAD_KEY", "a\r\nX: y", 1);
  for (const char* text :
       {"", "gpt", "gpt=m", "=m@https://a/v1", "gpt=@https://a/v1", "a b=m@https://a/v1",
        "<b>=m@https://a/v1", "gpt=m@http://api.example.com/v1", "gpt=m@ftp://a/v1",
        "gpt=m@https://user:pw@a/v1", "gpt=m@https:///v1 x", "gpt=m@https://a/v1?key=1",
        "gpt=m@https://a/v1#HENG_NO_KEY", "gpt=m@https://a/v1#HENG_BAD_KEY",
        "gpt=m@https://a/v1#A-B", "gpt=m@http://127.0.0.1.example.com/v1",
        "gpt=m@http://localhost@example.com/v1"}) {
    EXPECT_THROW(parse_provider(text), Error) << text;
  }
}

}  // namespace
}  // namespace heng::remote
