// A model that somebody else serves behind OpenAI's chat API, as the command line names it. Plain
// data; the key itself is read where it is sent and kept nowhere else.
#pragma once

#include <string>
#include <string_view>

namespace heng::remote {

struct Provider {
  std::string name;          // as it is shown and asked for here
  std::string model;         // as it is asked for there
  std::string base_url;      // "https://api.example.com/v1", without a '/' at its end
  std::string key_variable;  // environment variable with the key; empty: none is sent

  std::string host() const;  // "api.example.com"
  // Of the environment; empty where none is to be sent. Throws Error kInvalidArgument where the
  // variable is not set, or holds what no header can.
  std::string key() const;
};

// "NAME=MODEL@URL" or "NAME=MODEL@URL#VARIABLE". Throws Error kInvalidArgument saying what is
// wrong: no https (http only to this machine), a password in the URL, no key in the variable.
Provider parse_provider(std::string_view text);

}  // namespace heng::remote
