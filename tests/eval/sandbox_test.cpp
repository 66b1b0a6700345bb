#include "eval/sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "eval/questions.h"
#include "heng/error.h"
#include "support/file_bytes.h"
#include "support/golden.h"

namespace heng::eval {
namespace {

constexpr const char* kChecks = R"(
def check(candidate):
    assert candidate(1) == 2
    assert candidate([1, (2, "x")]) == {"a": {1, 2}}
)";

constexpr const char* kGood = R"(
def f(x):
    return 2 if x == 1 else {"a": {1, 2}}
)";

// Nullptr, and the test is skipped aloud, where this machine allows no sandbox.
const Sandbox* sandbox() {
  static const std::unique_ptr<Sandbox> kSandbox = [] {
    try {
      return std::make_unique<Sandbox>(Shut::kBubblewrap, SandboxLimits{.seconds = 2});
    } catch (const Error&) {
      return std::unique_ptr<Sandbox>();
    }
  }();
  return kSandbox.get();
}

#define HENG_NEEDS_SANDBOX() \
  if (!sandbox()) GTEST_SKIP() << "needs bubblewrap, /usr/bin/python3 and user namespaces"

std::string judge(const std::string& code) {
  return sandbox()->judge({"", code, "f", kChecks});
}

TEST(Sandbox, RightFunctionsPassAndWrongOnesFail) {
  HENG_NEEDS_SANDBOX();
  EXPECT_EQ(judge(kGood), "passed");
  EXPECT_EQ(judge("def f(x):\n    return 3\n"), "failed: AssertionError");
  EXPECT_EQ(judge("def f(x):\n    return [\n"), "failed: Raised: SyntaxError");
  EXPECT_EQ(judge("def f(x):\n    return 1 / 0\n"), "failed: Raised: ZeroDivisionError");
  EXPECT_EQ(judge("def g(x):\n    return 1\n"), "failed: Raised: no function f");
  EXPECT_EQ(judge("def f(x):\n    while True: pass\n"), "timed out");
}

// Programs that try to pass, to get out or to take the machine down; MARK is a file outside.
constexpr const char* kHostile[] = {
    "print('passed')\nimport os\nos._exit(0)",
    "import sys\nsys.exit(0)",
    "raise SystemExit(0)",
    "import os\nos.write(1, b'passed\\n')\nos._exit(0)",
    "import os\nos.write(4, b'{\"value\": 2}\\n' * 9)\nos._exit(0)",
    "import os\nfor fd in range(64):\n    try: os.write(fd, b'passed\\n')\n    except OSError: "
    "pass",
    "class E:\n    def __eq__(self, o): return True\n    def __hash__(self): return 0\n"
    "def f(x): return E()",
    "class E(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\n"
    "def f(x): return E(7)",
    "class E(dict):\n    def __eq__(self, o): return True\ndef f(x): return E()",
    "import builtins\nbuiltins.AssertionError = KeyboardInterrupt\ndef f(x): return 0",
    "import json\njson.dumps = lambda *a, **k: '{\"value\": true}'\ndef f(x): return 0",
    "import sys\nsys.modules['__main__'].pack = lambda v: {'o': 0}\ndef f(x): return 2",
    "import sys\nframe = sys._getframe(1)\nframe.f_globals['answers'] = None\ndef f(x): return 2",
    "import gc\nfor o in gc.get_objects():\n    if isinstance(o, dict): o.clear()",
    "import os\nos.kill(os.getpid(), 9)",
    "import os\nos.kill(os.getppid(), 9)",
    "import os\nos.kill(-1, 9)",
    "import os\nos.fork()",
    "import os\nwhile True: os.fork()",
    "import subprocess\nsubprocess.run(['/bin/sh', '-c', '"
    "touch MARK'])",
    "import os\nos.system('touch MARK')",
    "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo passed >&4'])",
    "import threading\nthreading.Thread(target=print).start()",
    "import multiprocessing\nmultiprocessing.Process(target=print).start()",
    "import socket\nsocket.socket()",
    "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)",
    "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
    "open('/etc/passwd').read()",
    "open('/usr/heng', 'w')",
    "import shutil\nshutil.rmtree('/usr')",
    "import os\nos.listdir('/root')\n",
    "import os\nos.mount if hasattr(os, 'mount') else None\nos.chroot('/')",
    "import os\nos.setuid(0)",
    "import ctypes\nctypes.string_at(0)",
    "import ctypes\nctypes.CDLL(None).syscall(101, 0, 0, 0, 0)",
    "import ctypes\nctypes.CDLL(None).unshare(0x10000000)",
    "import ctypes\nassert ctypes.CDLL(None).mount(b'/', b'/tmp', 0, 4096, 0) == 0",
    "x = bytearray(8 << 30)",
    "x = []\nwhile True: x.append(' ' * 10000000)",
    "x = 9 ** 9 ** 9",
    "def g(): g()\ng()",
    "import sys\nsys.setrecursionlimit(1 << 30)\ndef g(): g()\ng()",
    "f = open('/tmp/big', 'wb')\nwhile True: f.write(b'0' * 1000000)",
    "i = 0\nwhile True:\n    open(f'/tmp/{i}', 'wb').write(b'0' * 500000)\n    i += 1",
    "import time\ntime.sleep(1000)",
    "import signal\nsignal.pause()",
    "input()",
    "import sys\nsys.stdin.read()",
    "import sys\nwhile True: sys.stdout.write('x' * 1000000)",
    "import os\nwhile True: os.write(4, b'x' * 65536)",
    "import os\nos.close(3)\nos.close(4)",
    "import os\nos.write(4, b'[' * 1000000 + b'\\n')",
    "import os\nos.write(4, b'{\"value\": ' + b'9' * 100000 + b'}\\n')",
    "import os\nos.write(4, b'\\xff\\xfe\\n')",
    "import os\nos.write(4, b'{}\\n{}\\n')",
    "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "import atexit, os\natexit.register(lambda: os.write(1, b'passed\\n'))",
    "import sys\nsys.settrace(lambda *a: sys.exit(0))\ndef f(x): return 0",
    "import os\nfor p in os.listdir('/proc'):\n"
    "    if p.isdigit() and int(p) != os.getpid():\n        open(f'/proc/{p}/mem', "
    "'wb').write(b'x')",
    "import os\nos.symlink('/etc/shadow', '/tmp/s')\nopen('/tmp/s').read()",
    "import os\nos.open('/dev/sda', os.O_RDONLY)",
    "import faulthandler\nfaulthandler._sigsegv()",
    "open('MARK', 'w').write('x')",
    "def f(x):\n    open('MARK', 'w').write('x')\n    return 0",
};

TEST(Sandbox, HostileProgramsAreContained) {
  HENG_NEEDS_SANDBOX();
  const test::TempDir folder;
  const std::filesystem::path mark = folder / "mark";
  EXPECT_GE(std::size(kHostile), 60u);
  for (std::string program : kHostile) {
    const size_t at = program.find("MARK");
    if (at != std::string::npos) program.replace(at, 4, mark.string());
    const std::string verdict = judge(program + "\n");
    EXPECT_NE(verdict, "passed") << program;
    EXPECT_FALSE(std::filesystem::exists(mark)) << program;
  }
  EXPECT_EQ(judge(kGood), "passed");
}

TEST(Sandbox, ReferenceSolutionsOfHumanEvalPass) {
  HENG_NEEDS_GOLDEN("../data/humaneval/HumanEval.jsonl.gz");
  HENG_NEEDS_SANDBOX();
  Task task = find_task("humaneval");
  task.data.fields.emplace_back("solution", "canonical_solution");
  const Questions questions = load_questions(task, task.protocol("qwen-base"),
                                             test::golden_dir().parent_path() / "data", {});
  ASSERT_EQ(questions.all.size(), 164u);
  for (const Question& question : questions.all) {
    const auto& fields = question.fields;
    EXPECT_EQ(sandbox()->judge({fields.at("prompt"), fields.at("prompt") + fields.at("solution"),
                                fields.at("entry_point"), fields.at("test")}),
              "passed")
        << fields.at("task_id");
  }
}

TEST(Sandbox, FilterIsWrittenForThisProcessor) {
#if defined(__x86_64__)
  EXPECT_EQ(no_process_filter().size() % 8, 0u);
  EXPECT_GT(no_process_filter().size(), 100u);
#else
  EXPECT_TRUE(no_process_filter().empty());
#endif
}

}  // namespace
}  // namespace heng::eval
