#!/usr/bin/env python3
"""Speed of heng beside llama.cpp on one model: the two take turns, so that both meet the same machine.

usage: bench_peer.py MODEL.gguf [--heng build/heng] [--threads 2] [--runs 5] [--prompt 512]
                     [--generate 64] [--json]

The peer is what HENG_PEER names: llama-bench itself, or a program whose first argument is then
"llama-bench". Without it ../shared/tools/peer-llama-cpp, then llama-bench on the PATH. Exit status 0
where both medians are no slower than the peer's, 1 where one is, 2 where there is no peer.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYS = {"prompt": "prompt_tokens_per_second", "generation": "generation_tokens_per_second"}


def find_peer(variable, program):
    """The command that runs llama.cpp's `program`, or None."""
    named = os.environ.get(variable)
    beside = ROOT.parent / "shared" / "tools" / "peer-llama-cpp"
    path = named or (str(beside) if beside.is_file() else shutil.which(program))
    if not path:
        return None
    return [path] if pathlib.Path(path).name == program else [path, program]


def turns(n):
    """0 to n - 1, with the number of the run on the terminal meanwhile."""
    for number in range(n):
        if sys.stderr.isatty():
            print(f"\rrun {number + 1} of {n}", end="", file=sys.stderr, flush=True)
        yield number
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


def output_of(command):
    try:
        run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"error: {command[0]} does not start: {error.strerror}")
    if run.returncode:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:]
        sys.exit(f"error: {command[0]} ended with status {run.returncode}: {' '.join(last)}")
    return run.stdout


def run_heng(arguments):
    """Tokens a second: {"prompt": ..., "generation": ...}, and all that the program said."""
    said = json.loads(output_of([arguments.heng, "bench", arguments.model,
                                 "--prompt", arguments.prompt, "--generate", arguments.generate,
                                 "--threads", arguments.threads, "--repeat", 1, "--json"]))
    return {kind: said[key] for kind, key in KEYS.items()}, said


def run_peer(peer, arguments):
    rows = json.loads(output_of([*peer, "-m", arguments.model, "-t", arguments.threads,
                                 "-p", arguments.prompt, "-n", arguments.generate, "-r", 1,
                                 "-o", "json"]))
    return {"prompt": next(row["avg_ts"] for row in rows if row["n_gen"] == 0),
            "generation": next(row["avg_ts"] for row in rows if row["n_prompt"] == 0)}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def commit():
    git = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                         capture_output=True, text=True)
    return git.stdout.strip() or "unknown"


def summary(values):
    """Median, and how far the runs lie apart as a share of it."""
    median = statistics.median(values)
    return median, (max(values) - min(values)) / median


def compare(ours, theirs):
    rows = []
    for kind in KEYS:
        our_median, our_spread = summary([run[kind] for run in ours])
        peer_median, peer_spread = summary([run[kind] for run in theirs])
        rows.append({"kind": kind, "heng": our_median, "heng_spread": our_spread,
                     "peer": peer_median, "peer_spread": peer_spread,
                     "ratio": our_median / peer_median})
    return rows


def print_table(rows, record):
    print(f"machine   {record['processor']}, {record['threads']} threads, {record['isa']}")
    print(f"model     {record['model']} · commit {record['commit']} · medians of {record['runs']} "
          "alternating runs, tokens/s")
    print(f"{'':12}{'heng':>10}{'spread':>9}{'llama.cpp':>12}{'spread':>9}{'ratio':>8}")
    for row in rows:
        length = record["prompt"] if row["kind"] == "prompt" else record["generate"]
        print(f"{row['kind'] + ' ' + str(length):12.16}{row['heng']:10.1f}{row['heng_spread']:9.1%}"
              f"{row['peer']:12.1f}{row['peer_spread']:9.1%}{row['ratio']:8.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--heng", default=str(ROOT / "build" / "heng"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    peer = find_peer("HENG_PEER", "llama-bench")
    if not peer:
        print("error: no llama.cpp to measure against. HENG_PEER=/path/to/llama-bench names one.",
              file=sys.stderr)
        return 2
    ours, theirs, said = [], [], {}
    for _ in turns(arguments.runs):
        run, said = run_heng(arguments)
        ours.append(run)
        theirs.append(run_peer(peer, arguments))

    record = {"commit": commit(), "processor": processor(), "threads": arguments.threads,
              "isa": said.get("isa", "?"), "model": pathlib.Path(arguments.model).name,
              "runs": arguments.runs, "prompt": arguments.prompt, "generate": arguments.generate}
    rows = compare(ours, theirs)
    if arguments.json:
        print(json.dumps({**record, "results": rows}))
    else:
        print_table(rows, record)
    return 1 if any(row["ratio"] < 1 for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
