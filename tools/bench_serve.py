#!/usr/bin/env python3
"""`heng serve` under load beside llama.cpp's server on one model: the two take turns.

usage: bench_serve.py MODEL.gguf [--heng build/heng] [--threads 2] [--runs 2] [--requests 64]
                      [--scenarios mixed,shared,one,beside] [--no-peer] [--json]

What is measured, streams of 64 tokens at temperature 0:
  mixed     16 clients, prompts of 40 to 400 words
  shared    8 clients, the same with a common beginning of 1,000 words
  one       one client
  beside    four replies go on while a prompt of about 4,000 tokens is read: their longest gap, in prompt
            chunks of --prompt-chunk tokens as the same prompt takes them alone (heng's alone)
  health    GET /health twenty times a second during all of these, by Debian's hey where it is there

The peer is what HENG_PEER_SERVER names: llama-server itself, or a program whose first argument is then
"llama-server". Without it ../shared/tools/peer-llama-cpp, then llama-server on the PATH.
"""
import argparse
import asyncio
import csv
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys

import bench_peer
import chat_load

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHUNK = 512
LOADS = ("mixed", "shared", "one")
GOALS = {("mixed", "tokens_per_s"): ">= 4", ("mixed", "first_p95"): "<= 0.25",
         ("shared", "tokens_per_s"): ">= 8"}


def figures(replies, seconds):
    good = [r for r in replies if r.done and r.times]
    first, gaps = [r.first for r in good], [g for r in good for g in r.gaps]
    total = sum(r.usage.get("completion_tokens", 0) for r in good)
    return {"tokens_per_s": total / seconds, "first_p50": chat_load.quantile(first, .5),
            "first_p95": chat_load.quantile(first, .95), "gap_p95": chat_load.quantile(gaps, .95),
            "failures": len(replies) - len(good),
            "failure": next((r.error for r in replies if r not in good), "")}


async def load(port, clients, texts, max_tokens):
    clock = asyncio.get_running_loop().time
    began = clock()
    bodies = [chat_load.chat(text, max_tokens=max_tokens, ignore_eos=True) for text in texts]
    replies = await chat_load.run_clients(port, clients, bodies)
    return figures(replies, clock() - began)


async def beside(port, words, max_tokens):
    """The longest gap of running replies while a long prompt is read, in prompt chunks."""
    long = [" ".join(chat_load.prompts(1, words, seed)) for seed in (7, 8)]
    bodies = [chat_load.chat(text, max_tokens=4, ignore_eos=True) for text in long]
    alone = (await chat_load.run_clients(port, 1, bodies[:1]))[0]
    if not alone.times:
        sys.exit(f"error: the long prompt has no reply: {alone.error}")
    n_chunks = max(1, alone.usage["prompt_tokens"] / CHUNK)
    chunk = alone.first / n_chunks
    replies = [chat_load.chat(text, max_tokens=max_tokens, ignore_eos=True)
               for text in chat_load.prompts(4, 0, 9)]
    running = [asyncio.ensure_future(chat_load.run_clients(port, 1, [body])) for body in replies]
    await asyncio.sleep(2 * chunk)
    began = asyncio.get_running_loop().time()
    await chat_load.run_clients(port, 1, bodies[1:])
    seconds = asyncio.get_running_loop().time() - began
    replies = [r for task in running for r in await task]
    gaps = [g for r in replies for g in r.gaps]
    return {"prompt_tokens": alone.usage["prompt_tokens"], "chunk_seconds": chunk,
            "read_seconds": seconds, "longest_gap": max(gaps), "gap_in_chunks": max(gaps) / chunk}


class Health:
    """GET /health twenty times a second while it is open."""

    def __init__(self, port):
        hey = shutil.which("hey")
        self.process = hey and subprocess.Popen(
            [hey, "-z", "600s", "-c", "1", "-q", "20", "-o", "csv", f"http://127.0.0.1:{port}/health"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")

    def end(self):
        if not self.process:
            return None
        self.process.send_signal(2)
        rows = list(csv.DictReader(self.process.communicate(timeout=30)[0].splitlines()))
        times = [float(row["response-time"]) for row in rows]
        return {"n": len(times), "p50": chat_load.quantile(times, .5),
                "p99": chat_load.quantile(times, .99), "longest": max(times, default=float("nan")),
                "not_200": sum(row["status-code"] != "200" for row in rows)}


def measure(command, a, is_peer):
    server = chat_load.Server(command)
    try:
        health = Health(server.port)
        out = {}
        for name, clients, texts in (("mixed", 16, chat_load.prompts(a.requests)),
                                     ("shared", 8, chat_load.prompts(a.requests, a.shared_words, 1)),
                                     ("one", 1, chat_load.prompts(4, 0, 2))):
            if name in a.scenarios:
                out[name] = asyncio.run(load(server.port, clients, texts, a.max_tokens))
        if "beside" in a.scenarios and not is_peer:
            out["beside"] = asyncio.run(beside(server.port, a.long_words, 6 * a.max_tokens))
        out["health"] = health.end()
        return out
    finally:
        server.stop()


def median(runs, scenario, key):
    return statistics.median(run[scenario][key] for run in runs)


def print_table(ours, theirs, record):
    print(f"machine   {record['processor']}, {record['threads']} threads")
    print(f"model     {record['model']} · commit {record['commit']} · medians of {record['runs']} "
          "alternating runs")
    print(f"{'':10}{'':16}{'heng':>9}{'llama-server':>14}{'ratio':>8}  goal")
    for scenario in [name for name in LOADS if name in ours[0]]:
        for key, unit, scale in (("tokens_per_s", "tokens/s", 1), ("first_p50", "first p50 ms", 1e3),
                                 ("first_p95", "first p95 ms", 1e3), ("gap_p95", "gap p95 ms", 1e3)):
            our = median(ours, scenario, key)
            line = f"{scenario:10}{unit:16}{our * scale:9.1f}"
            if theirs:
                peer = median(theirs, scenario, key)
                line += (f"{peer * scale:14.1f}{our / peer:8.2f}  {GOALS.get((scenario, key), '')}")
            print(line)
        failed = sum(run[scenario]["failures"] for run in ours)
        if failed:
            print(f"{scenario:10}{failed} requests failed: {ours[0][scenario]['failure']}")
    if "beside" in ours[0]:
        gap = max(run["beside"]["gap_in_chunks"] for run in ours)
        print(f"beside    longest gap     {gap:9.2f} chunks of {CHUNK} tokens (goal: 2)")
    if ours[0]["health"]:
        print(f"health    p99 ms          {1e3 * max(r['health']['p99'] for r in ours):9.1f} "
              f"of {sum(r['health']['n'] for r in ours)} (goal: 50)")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--heng", default=str(ROOT / "build" / "heng"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--shared-words", type=int, default=1000)
    parser.add_argument("--long-words", type=int, default=3700)
    parser.add_argument("--scenarios", type=lambda text: text.split(","), default=[*LOADS, "beside"])
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers end with this program

    peer = None if a.no_peer else bench_peer.find_peer("HENG_PEER_SERVER", "llama-server")
    if not peer and not a.no_peer:
        print("error: no llama-server to measure against. HENG_PEER_SERVER=/path/to/llama-server names "
              "one; --no-peer goes without.", file=sys.stderr)
        return 2
    our_command = [a.heng, "serve", a.model, "--threads", a.threads, "--log", "none",
                   "--prompt-chunk", CHUNK]
    ours, theirs = [], []
    for _ in bench_peer.turns(a.runs):
        ours.append(measure(our_command, a, is_peer=False))
        if peer:
            theirs.append(measure([*peer, "-m", a.model, "-t", a.threads, "-np", 16, "-c", 32768], a,
                                  is_peer=True))
    record = {"commit": bench_peer.commit(), "processor": bench_peer.processor(),
              "threads": a.threads, "model": pathlib.Path(a.model).name, "runs": a.runs}
    if a.json:
        print(json.dumps({**record, "heng": ours, "peer": theirs}))
    else:
        print_table(ours, theirs, record)
    return 1 if any(run[s]["failures"] for run in ours for s in LOADS if s in run) else 0


if __name__ == "__main__":
    sys.exit(main())
