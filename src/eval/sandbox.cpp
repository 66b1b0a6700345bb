#include "eval/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/message.h"
#include "heng/error.h"

namespace heng::eval {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// An open file of this process; closed with it.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

[[noreturn]] void no_process(const char* what) {
  throw Error(ErrorCode::kOutOfMemory,
              std::string("no process for a reply's code can be made (") + what + ").");
}

std::pair<Descriptor, Descriptor> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) no_process("pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// A file without a name that holds `text`, to be read from its beginning.
Descriptor memory_file(const std::string& text) {
  Descriptor file(memfd_create("heng", MFD_CLOEXEC));
  if (file.get() < 0) no_process("memory file");
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = write(file.get(), text.data() + at, text.size() - at);
    if (n <= 0) no_process("memory file");
    at += static_cast<size_t>(n);
  }
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::vector<std::string> command_line(Shut shut, const std::string& program) {
  std::vector<std::string> command;
  if (shut == Shut::kBubblewrap) {
    command = {"bwrap",         "--unshare-all", "--die-with-parent",
               "--new-session", "--clearenv",    "--cap-drop",
               "ALL",           "--uid",         "65534",
               "--gid",         "65534",         "--ro-bind",
               "/usr",          "/usr",          "--symlink",
               "usr/lib",       "/lib",          "--symlink",
               "usr/lib64",     "/lib64",        "--symlink",
               "usr/bin",       "/bin",          "--proc",
               "/proc",         "--dev",         "/dev",
               "--size",        "16777216",      "--tmpfs",
               "/tmp",          "--chdir",       "/tmp"};
    if (!no_process_filter().empty()) command.insert(command.end(), {"--seccomp", "5"});
  }
  // -I: nothing of the user's settings; -S -B: no site packages, no files written beside sources.
  command.insert(command.end(), {"/usr/bin/python3", "-I", "-S", "-B", "-c", program});
  return command;
}

void limit(int what, uint64_t value) {
  const rlimit both{value, value};
  setrlimit(static_cast<__rlimit_resource_t>(what), &both);
}

// A process with its standard files and 3 to 5 set; killed, with all that it made, at the end.
class Process {
 public:
  // `files` become 0, 1 and so on; -1: /dev/null.
  Process(const std::vector<std::string>& command, const std::array<int, 6>& files,
          const SandboxLimits& limits) {
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ < 0) no_process("fork");
    if (pid_ == 0) become(arguments.data(), files, limits);
  }
  ~Process() {
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

 private:
  // In the child: system calls alone, as other threads may have held locks.
  [[noreturn]] static void become(char** arguments, const std::array<int, 6>& files,
                                  const SandboxLimits& limits) {
    setpgid(0, 0);
    std::array<int, 6> high;  // out of the way of the numbers to come
    const int null = open("/dev/null", O_RDWR);
    for (size_t i = 0; i < files.size(); ++i) {
      high[i] = fcntl(files[i] >= 0 ? files[i] : null, F_DUPFD, 64);
    }
    for (size_t i = 0; i < files.size(); ++i) dup2(high[i], static_cast<int>(i));
    close_range(6, ~0u, 0);
    limit(RLIMIT_AS, limits.memory_bytes);
    limit(RLIMIT_CPU, static_cast<uint64_t>(limits.seconds) + 5);
    limit(RLIMIT_FSIZE, uint64_t{1} << 20);
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_CORE, 0);
    execvp(arguments[0], arguments);
    _exit(127);
  }

  pid_t pid_ = -1;
};

// Lines of a file, each awaited until a moment.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}

  enum class Outcome { kLine, kEnd, kLate };
  Outcome read_line(std::string& line, Clock::time_point until) {
    while (true) {
      const size_t end = held_.find('\n');
      if (end != std::string::npos) {
        line = held_.substr(0, end);
        held_.erase(0, end + 1);
        return Outcome::kLine;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
      pollfd ready{fd_, POLLIN, 0};
      const int n = left.count() > 0 ? poll(&ready, 1, static_cast<int>(left.count())) : 0;
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Outcome::kLate;
      char bytes[4096];
      const ssize_t got = read(fd_, bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || held_.size() > size_t{1} << 16) return Outcome::kEnd;
      held_.append(bytes, static_cast<size_t>(got));
    }
  }

 private:
  int fd_;
  std::string held_;
};

std::string dump(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string_view shut_name(Shut shut) {
  return shut == Shut::kBubblewrap ? "bubblewrap" : "rlimits only";
}

Sandbox::Sandbox(Shut shut, const SandboxLimits& limits) : shut_(shut), limits_(limits) {
  const std::string verdict = judge({"", "def f(x):\n    return x + 1\n", "f",
                                     "def check(candidate):\n    assert candidate(1) == 2\n"});
  if (verdict == "passed") return;
  throw Error(
      ErrorCode::kUnsupported,
      "no sandbox for the code of replies: bubblewrap (bwrap) with /usr/bin/python3 did not "
      "run here: " +
          verdict +
          ". Install both and allow user namespaces, or --sandbox rlimit-only, which lets "
          "that code see your files and the network.");
}

std::string Sandbox::judge(const CodeTask& task) const {
  constexpr std::chrono::seconds kMostToStart{20};
  auto [guest_requests, judge_requests] = make_pipe();
  auto [judge_answers, guest_answers] = make_pipe();
  auto [verdicts, judge_output] = make_pipe();
  const Descriptor guest_input = memory_file(dump({{"code", task.code}, {"entry", task.entry}}));
  const Descriptor judge_input =
      memory_file(dump({{"setup", task.setup}, {"entry", task.entry}, {"checks", task.checks}}));
  const Descriptor guest_filter = memory_file(no_process_filter());
  const Descriptor judge_filter = memory_file(no_process_filter());
  const Process guest(
      command_line(shut_, guest_program()),
      {guest_input.get(), -1, -1, guest_requests.get(), guest_answers.get(), guest_filter.get()},
      limits_);
  const Process judge(command_line(shut_, judge_program()),
                      {judge_input.get(), judge_output.get(), -1, judge_requests.get(),
                       judge_answers.get(), judge_filter.get()},
                      limits_);
  // Where one process is gone the other must see its end.
  for (Descriptor* end :
       {&guest_requests, &judge_requests, &judge_answers, &guest_answers, &judge_output}) {
    end->reset();
  }
  LineReader reader(verdicts.get());
  std::string line;
  if (reader.read_line(line, Clock::now() + kMostToStart) != LineReader::Outcome::kLine) {
    return "failed: the tests did not start";
  }
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(limits_.seconds));
  switch (reader.read_line(line, until)) {
    case LineReader::Outcome::kLine:
      return line == "passed" ? line : printable(line);
    case LineReader::Outcome::kEnd:
      return "failed: the tests ended";
    default:
      return "timed out";
  }
}

}  // namespace heng::eval
