#!/usr/bin/env python3
"""Holds a file of `heng quantize` against llama.cpp: the same token ids of texts, the same greedy ids.

usage: check_quantize.py MODEL [--type q8_0] [--heng build/heng] [--peer COMMAND] [--steps 32]
                         [--prompts FILE] [--threads 2] [--lead 0.1] [--json]

MODEL (a folder or .gguf file) is quantised into a folder that goes away. llama.cpp's llama-server loads the
file and is asked for the ids of each prompt and for its greedy continuation; `heng` is asked the same. The
peer is --peer or $HENG_PEER: llama-server itself, or a program whose first argument is then "llama-server";
without either ../shared/tools/peer-llama-cpp, then llama-server on the PATH. --prompts: a text file, a prompt
a line.

llama.cpp rounds activations to 8 bits, which moves its log-probabilities by 0.1 to 0.2 from those of fp32 (heng's
15 bits: 0.003), so where two tokens lie close its reply parts from that of fp32. A reply counts as determined where
at each step heng's best score leads the second by --lead, as a share of the standard deviation of the scores. Every
id of every determined reply has to be the same, and at least half of the replies have to be determined; the others
are printed. Exit status 0 where that holds, 1 where not, 2 without a peer.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPTS = [
    "1, 2, 3, 4, 5,",
    "1, 2, 3, 4, 5, 6, 7, 8,",
    "10, 20, 30, 40, 50,",
    "2, 4, 6, 8, 10, 12,",
    "100, 99, 98, 97, 96,",
    "0 1 0 1 0 1 0 1 0 1",
    "a, b, c, d, e, f, g,",
    "red blue red blue red blue red blue red",
    "the cat sat. the cat sat. the cat sat. the",
    "x = 1; x = 2; x = 3; x = 4;",
    "for i in range(10):",
    "你好 你好 你好 你好 你好",
    "The capital of France is",
    "The capital of France is Paris. The capital of Italy is Rome. The capital of Germany is",
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
    said = run(heng, "run", model, "--ids", "-", "--greedy", "--ignore-eos", "--max-new-tokens", steps,
               "--threads", threads, "--json", text=" ".join(map(str, ids)))
    return json.loads(said)["ids"]


def least_lead(heng, model, ids, reply, folder):
    """How far heng's best score leads the second at the closest step of `reply`, as a share of the deviation."""
    npy = pathlib.Path(folder) / "scores.npy"
    fed = ids + reply[:-1]
    run(heng, "logits", model, "--ids", "-", "--npy", npy, "--json", text=" ".join(map(str, fed)))
    data = memoryview(npy.read_bytes())
    scores = data[10 + struct.unpack("<H", data[8:10])[0]:].cast("f")
    n = len(scores) // len(fed)
    leads = []
    for at in range(len(ids) - 1, len(fed)):
        row = scores[at * n:(at + 1) * n].tolist()
        second, best = sorted(row)[-2:]
        leads.append((best - second) / statistics.pstdev(row))
    return min(leads)


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
            row["least_lead"] = least_lead(arguments.heng, model, ids, ours, folder)
            yield row


def is_good(rows, lead):
    determined = [row for row in rows if row["least_lead"] >= lead]
    return (2 * len(determined) >= len(rows) and all(row["same_prompt_ids"] for row in rows)
            and all(row["same_steps"] == row["steps"] for row in determined))


def print_row(row, lead):
    kind = "determined" if row["least_lead"] >= lead else "open"
    print(f"{row['same_steps']:4} of {row['steps']} ids the same, {kind:10} (least lead {row['least_lead']:.3f})"
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
    parser.add_argument("--lead", type=float, default=0.1)
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
                    print_row(row, arguments.lead)
        except RuntimeError as error:
            log = (pathlib.Path(folder) / "server.log").read_text(errors="replace").splitlines()
            print("\n".join([f"error: {error}:", *log[-20:]]), file=sys.stderr)
            return 1
    if arguments.json:
        print(json.dumps({"model": arguments.model, "type": arguments.type, "rows": rows}))
    return 0 if is_good(rows, arguments.lead) else 1


if __name__ == "__main__":
    sys.exit(main())
