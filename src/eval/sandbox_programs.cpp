#include "eval/sandbox.h"

namespace heng::eval {
namespace {

// Values go between the processes as JSON with their types, one a line. What has no plain type
// becomes an object that equals nothing.
constexpr const char* kValues = R"python(
import json, os, sys

def pack(v):
    if v is None or isinstance(v, bool):
        return v
    if isinstance(v, int):
        return int(v)
    if isinstance(v, float):
        return float(v)
    if isinstance(v, str):
        return str(v)
    if isinstance(v, complex):
        return {"c": [v.real, v.imag]}
    if isinstance(v, (bytes, bytearray)):
        return {"b": list(v)}
    if isinstance(v, dict):
        return {"d": [[pack(k), pack(x)] for k, x in v.items()]}
    for name, kind in (("l", list), ("t", tuple), ("s", (set, frozenset))):
        if isinstance(v, kind):
            return {name: [pack(x) for x in v]}
    return {"o": 0}

def unpack(v):
    if not isinstance(v, dict):
        if isinstance(v, list):
            raise ValueError("no value")
        return v
    (name, x), = v.items()
    if name == "c":
        return complex(*x)
    if name == "b":
        return bytes(x)
    if name == "d":
        return {unpack(k): unpack(y) for k, y in x}
    if name in ("l", "t", "s"):
        return {"l": list, "t": tuple, "s": set}[name](unpack(y) for y in x)
    return object()
)python";

// Standard input: {"code", "entry"}; 3: requests; 4: answers.
constexpr const char* kGuest = R"python(
task = json.loads(sys.stdin.readline())
requests = os.fdopen(3, "r", encoding="utf-8")
answers = os.fdopen(4, "w", encoding="utf-8")
function, problem = None, "no function " + task["entry"]
scope = {"__name__": "reply"}
try:
    exec(compile(task["code"], "reply", "exec"), scope)
    function = scope.get(task["entry"])
except BaseException as error:
    problem = type(error).__name__
for line in requests:
    args, names = (unpack(x) for x in json.loads(line))
    try:
        if function is None:
            answer = {"raised": problem}
        else:
            answer = {"value": pack(function(*args, **names))}
    except BaseException as error:
        answer = {"raised": type(error).__name__}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
)python";

// Standard input: {"setup", "entry", "checks"}; 3: requests; 4: answers; the verdict goes to
// standard output.
constexpr const char* kJudge = R"python(
task = json.loads(sys.stdin.readline())
requests = os.fdopen(3, "w", encoding="utf-8")
answers = os.fdopen(4, "r", encoding="utf-8", errors="replace")
verdicts = os.fdopen(os.dup(1), "w")
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)

class Raised(Exception):
    pass

def candidate(*args, **names):
    requests.write(json.dumps([pack(args), pack(names)]) + "\n")
    requests.flush()
    line = answers.readline(1 << 24)
    if not line.endswith("\n"):
        raise Raised("the program ended")
    answer = json.loads(line)
    if "value" not in answer:
        raise Raised(str(answer.get("raised"))[:60])
    return unpack(answer["value"])

print("started", file=verdicts, flush=True)
try:
    scope = {"__name__": "checks"}
    exec(compile(task["setup"], "setup", "exec"), scope)
    scope[task["entry"]] = candidate
    exec(compile(task["checks"], "checks", "exec"), scope)
    scope["check"](candidate)
    verdict = "passed"
except BaseException as error:
    text = str(error).split("\n")[0][:120]
    verdict = "failed: " + type(error).__name__ + (": " + text if text else "")
print(verdict, file=verdicts, flush=True)
)python";

}  // namespace

std::string guest_program() {
  return std::string(kValues) + kGuest;
}

std::string judge_program() {
  return std::string(kValues) + kJudge;
}

}  // namespace heng::eval
