#!/usr/bin/env python3
"""Holds a file of `heng quantize` against llama.cpp: the same token ids of texts, the same greedy ids.

usage: check_quantize.py MODEL [--type q8_0] [--heng build/heng] [--peer COMMAND] [--steps 32]
                         [--prompts FILE] [--threads 2] [--near 0.05] [--json]

MODEL (a folder or .gguf file) is quantised into a folder that goes away. llama.cpp's llama-server loads the
file and is asked for the ids of each prompt and for its greedy continuation; `heng` is asked the same. The
peer is --peer or $HENG_PEER: llama-server itself, or a program whose first argument is then "llama-server";
without either ../shared/tools/peer-llama-cpp, then llama-server on the PATH. --prompts: a text file, a prompt
a line.

llama.cpp rounds activations to 8 bits, so heng is asked for that too (--activations 8). Scales are rounded and
sums are taken each in its own way, so that two scores which lie close may still change places. Where the ids
part, the margin of heng's best score over the one that llama.cpp took is printed, as a share of the standard
deviation of the scores; below --near it counts as a tie. Exit status 0 where all ids agree or part in a tie, 1
where not, 2 without a peer.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPTS = [
    "The capital of France is",
    "Once upon a time there was a small bear who",
    "Water boils at 100 degrees because",
    "def add(a, b):\n    return",
    "Dear Sir or Madam,\n\nI am writing to",
    "List three colours: red,",
    "你好，请介绍一下自己。",
    "床前明月光，疑是地上霜。",
    "The quick brown fox jumps over the lazy dog. The dog",
    "1, 2, 3, 4, 5,",
]


def find_peer(named):
    """The command that runs llama-server, or None."""
    beside = ROOT.parent / "shared" / "tools" / "peer-llama-cpp"
    path = named or os.environ.get("HENG_PEER") or (
        str(beside) if beside.is_file() else shutil.which("llama-server"))
    if not path:
        return None
    return [path] if pathlib.Path(path).name == "llama-server" else [path, "llama-server"]


def run(*command, text=None):
    done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {command[0]} {command[1]} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Server:
    """llama-server on a free port, until the end of the with block."""

    def __init__(self, peer, model, threads, log):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [*peer, "-m", str(model), "--host", "127.0.0.1", "--port", str(self.port), "-t", str(threads),
             "-c", "2048", "-np", "1", "--no-webui"], stdout=log, stderr=log)

    def ask(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.load(reply)

    def __enter__(self):
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                if self.ask("/health").get("status") == "ok":
                    return self
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.5)
        self.__exit__()
        raise RuntimeError("llama-server did not load the file")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def heng_ids(heng, model, prompts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in prompts)
    return [json.loads(line)["ids"] for line in run(heng, "tokenize", model, "--jsonl", text=lines).splitlines()]


def heng_greedy(heng, model, ids, steps, threads):
    said = run(heng, "run", model, "--ids", "-", "--greedy", "--ignore-eos", "--max-new-tokens", steps, "--activations", 8,
               "--threads", threads, "--json", text=" ".join(map(str, ids)))
    return json.loads(said)["ids"]


def last_scores(heng, model, ids, folder):
    """heng's scores after `ids`, as floats."""
    npy = pathlib.Path(folder) / "scores.npy"
    run(heng, "logits", model, "--ids", "-", "--npy", npy, "--activations", 8, "--json", text=" ".join(map(str, ids)))
    data = npy.read_bytes()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    n = (len(data) - start) // 4 // len(ids)
    return struct.unpack(f"<{n}f", data[-4 * n:])


def margin(scores, ours, theirs):
    mean = sum(scores) / len(scores)
    deviation = (sum((x - mean) ** 2 for x in scores) / len(scores)) ** 0.5
    return (scores[ours] - scores[theirs]) / deviation


def compare(arguments, peer, folder):
    """Yields a row a prompt."""
    model = pathlib.Path(folder) / "model.gguf"
    run(arguments.heng, "quantize", arguments.model, model, "--type", arguments.type)
    prompts = PROMPTS
    if arguments.prompts:
        prompts = pathlib.Path(arguments.prompts).read_text(encoding="utf-8").splitlines()
    with open(pathlib.Path(folder) / "server.log", "w+") as log, Server(peer, model, arguments.threads, log) as server:
        before = heng_ids(arguments.heng, arguments.model, prompts)
        after = heng_ids(arguments.heng, model, prompts)
        for prompt, original, ids in zip(prompts, before, after):
            peer_ids = server.ask("/tokenize", {"content": prompt, "add_special": True})["tokens"]
            ours = heng_greedy(arguments.heng, model, ids, arguments.steps, arguments.threads)
            # Ends at the end of its text; heng goes on.
            theirs = server.ask("/completion", {"prompt": ids, "n_predict": arguments.steps, "temperature": 0, "top_k": 1,
                                                "return_tokens": True, "cache_prompt": False})["tokens"]
            row = {"prompt": prompt, "same_prompt_ids": original == ids == peer_ids, "steps": len(theirs),
                   "same_steps": next((i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), len(theirs))}
            if row["same_steps"] < len(theirs):
                at = row["same_steps"]
                scores = last_scores(arguments.heng, model, ids + ours[:at], folder)
                row["margin"] = margin(scores, ours[at], theirs[at])
            yield row


def is_good(row, near):
    return row["same_prompt_ids"] and row.get("margin", 0) < near


def print_row(row):
    tail = f", margin there {row['margin']:.4f}" if "margin" in row else ""
    print(f"{row['same_steps']:4} of {row['steps']} steps the same{tail}"
          f"{'' if row['same_prompt_ids'] else ', PROMPT IDS DIFFER'}  {row['prompt'][:40]!r}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--type", default="q8_0")
    parser.add_argument("--heng", default=str(ROOT / "build" / "heng"))
    parser.add_argument("--peer")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--prompts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--near", type=float, default=0.05)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    peer = find_peer(arguments.peer)
    if not peer:
        print("error: no llama.cpp to hold against. HENG_PEER=/path/to/llama-server names one.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        try:
            for row in compare(arguments, peer, folder):
                rows.append(row)
                if not arguments.json:
                    print_row(row)
        except RuntimeError as error:
            log = (pathlib.Path(folder) / "server.log").read_text(errors="replace").splitlines()
            print("\n".join([f"error: {error}:", *log[-20:]]), file=sys.stderr)
            return 1
    if arguments.json:
        print(json.dumps({"model": arguments.model, "type": arguments.type, "rows": rows}))
    return 0 if all(is_good(row, arguments.near) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
