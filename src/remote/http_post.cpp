#include "remote/http_post.h"

#include <curl/curl.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <memory>

#include "heng/error.h"

namespace heng::remote {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kErrorBytes = 16u << 10;
constexpr int kPollMilliseconds = 50;

struct Transfer {
  const HttpPost& post;
  CURL* easy = nullptr;
  HttpAnswer answer;
  size_t n_bytes = 0;
  Clock::time_point last_byte = Clock::now();
  std::exception_ptr thrown;
};

size_t take_body(char* bytes, size_t, size_t n, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.last_byte = Clock::now();
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  transfer.n_bytes += n;
  try {
    if (status != 200) {
      const size_t room = kErrorBytes - std::min(kErrorBytes, transfer.answer.body.size());
      transfer.answer.body.append(bytes, std::min(n, room));
    } else if (transfer.post.on_bytes) {
      transfer.post.on_bytes({bytes, n});
    }
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 0;
  }
  if (transfer.n_bytes > transfer.post.most_bytes) {
    transfer.answer.broken = "the answer is longer than allowed";
    return 0;
  }
  return n;
}

// Seconds, or a date.
void take_retry_after(HttpAnswer& answer, std::string_view value) {
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (!value.empty() && value.back() <= ' ') value.remove_suffix(1);
  if (value.empty()) return;
  const std::string text(value.substr(0, 64));
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    answer.retry_after = std::chrono::seconds(text.size() > 6 ? 999'999 : std::stol(text));
  } else if (const time_t date = curl_getdate(text.c_str(), nullptr); date >= 0) {
    answer.retry_after = std::chrono::seconds(std::max<time_t>(0, date - std::time(nullptr)));
  }
}

size_t take_header(char* bytes, size_t, size_t n, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.last_byte = Clock::now();
  constexpr std::string_view kName = "retry-after:";
  const std::string_view line(bytes, n);
  if (line.size() > kName.size() && curl_strnequal(bytes, kName.data(), kName.size())) {
    take_retry_after(transfer.answer, line.substr(kName.size()));
  }
  return n;
}

void set_up(Transfer& transfer, curl_slist* headers) {
  CURL* easy = transfer.easy;
  const HttpPost& post = transfer.post;
  curl_easy_setopt(easy, CURLOPT_URL, post.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post.body.data());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(post.times.connect.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(post.times.whole.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
}

// Until the transfer has ended, or somebody wants it to.
void move(CURLM* multi, Transfer& transfer) {
  HttpAnswer& answer = transfer.answer;
  for (int running = 1; running > 0;) {
    if (curl_multi_perform(multi, &running) != CURLM_OK) {
      answer.broken = "libcurl cannot go on";
      return;
    }
    if (running == 0) break;
    if (transfer.post.cancelled && transfer.post.cancelled()) {
      answer.was_cancelled = true;
      answer.broken = "cancelled";
      return;
    }
    if (Clock::now() - transfer.last_byte > transfer.post.times.gap) {
      answer.broken = "nothing came for " +
                      std::to_string(transfer.post.times.gap.count() / 1000.0).substr(0, 5) + " s";
      return;
    }
    curl_multi_poll(multi, nullptr, 0, kPollMilliseconds, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    if (message->data.result != CURLE_OK && answer.broken.empty()) {
      answer.broken = curl_easy_strerror(message->data.result);
    }
  }
}

}  // namespace

HttpAnswer http_post(const HttpPost& post) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> easy(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi(curl_multi_init(), curl_multi_cleanup);
  if (started != CURLE_OK || !easy || !multi) {
    throw Error(ErrorCode::kOutOfMemory, "libcurl could not be started.");
  }
  curl_slist* list = nullptr;
  for (const std::string& header : post.headers) list = curl_slist_append(list, header.c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
  Transfer transfer{post, easy.get(), {}, 0, Clock::now(), nullptr};
  set_up(transfer, list);
  curl_multi_add_handle(multi.get(), easy.get());
  move(multi.get(), transfer);
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi.get(), easy.get());
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  transfer.answer.status = static_cast<int>(status);
  return std::move(transfer.answer);
}

}  // namespace heng::remote
