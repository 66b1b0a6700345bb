#!/usr/bin/env python3
"""Speed of encoding with a qwen.tiktoken vocabulary beside the tiktoken package, one thread each: the two take turns.

usage: bench_tokenizer.py [MODEL] [--build build] [--data ../shared/data] [--megabytes 10] [--runs 5] [--goal 3]
                          [--json]

MODEL is a folder with qwen.tiktoken; by default the one of ../shared/golden. A third of the text is Chinese
(questions of CMMLU), a third English (GSM8K and the topics of pydoc), a third code (the standard library of this
Python), in documents of 16 KB by turns; a part that is too short begins again. --data (or $HENG_DATA) has cmmlu/
and gsm8k/.

Both sides encode the documents in one process, one call each, and count the processor's time, which neighbours
disturb less than the clock: build/bench/heng_tokenizer_bench (cmake -DHENG_BENCH=ON), and encode_ordinary with
Qwen's pattern. heng normalises to NFC besides. `heng tokenize` is asked for the ids of every document first: they
have to be tiktoken's. Exit status 0 where the ratio of the medians is --goal or more, 1 where it is not or ids
differ, 2 where tiktoken (PyPI), the data or the model are missing.
"""
import argparse
import base64
import csv
import json
import os
import pathlib
import pydoc_data.topics
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time

try:
    import tiktoken
except ImportError:
    tiktoken = None

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
DOCUMENT_BYTES = 16384
# PAT_STR of tokenization_qwen.py.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def run(*command, text=None, environment=None):
    try:
        done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True,
                              env=environment)
    except OSError as error:
        sys.exit(f"error: {command[0]} does not start: {error.strerror}")
    if done.returncode:
        sys.exit(f"error: {command[0]} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def chinese(data):
    questions = []
    for file in sorted(data.glob("cmmlu/*/*.csv")):
        with open(file, encoding="utf-8", newline="") as lines:
            questions += ["\n".join(list(row.values())[1:]) for row in csv.DictReader(lines)]
    return "\n\n".join(questions)


def english(data):
    rows = [json.loads(line) for line in (data / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    topics = pydoc_data.topics.topics
    return "\n\n".join([f"{row['question']}\n{row['answer']}" for row in rows] + [topics[name] for name in sorted(topics)])


def code():
    files = sorted(pathlib.Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def documents(text, n_bytes):
    """Pieces of `text`, again from its beginning where it is short, that together have n_bytes or a little more."""
    everything = text.encode()
    pieces, at, total = [], 0, 0
    while total < n_bytes:
        piece = everything[at:at + DOCUMENT_BYTES].decode(errors="ignore")
        taken = len(piece.encode())
        # A character that the cut went through begins the next piece.
        at = at + taken if at + DOCUMENT_BYTES < len(everything) else 0
        total += taken
        pieces.append(piece)
    return pieces


def mixed_texts(data, n_bytes):
    parts = [documents(text, n_bytes // 3) for text in (chinese(data), english(data), code())]
    return [text for turn in zip(*parts) for text in turn]


def qwen_encoding(model):
    lines = (model / "qwen.tiktoken").read_bytes().split(b"\n")
    ranks = {base64.b64decode(piece): int(rank) for piece, rank in (line.split() for line in lines if line)}
    return tiktoken.Encoding("qwen", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


def time_heng(arguments, lines_file):
    environment = {**os.environ, "HENG_BENCH_MODEL": str(arguments.model), "HENG_BENCH_TEXTS": str(lines_file)}
    said = json.loads(run(arguments.build / "bench" / "heng_tokenizer_bench", "--benchmark_format=json",
                          environment=environment))
    result = said["benchmarks"][0]
    if result.get("error_occurred"):
        sys.exit(f"error: heng_tokenizer_bench: {result['error_message']}")
    return result["cpu_time"] / 1000


def time_tiktoken(encoding, texts):
    start = time.thread_time()
    for text in texts:
        encoding.encode_ordinary(text)
    return time.thread_time() - start


def differing(arguments, encoding, texts, lines):
    """Numbers of documents whose ids are not the same."""
    said = run(arguments.build / "heng", "tokenize", arguments.model, "--jsonl", text=lines).splitlines()
    return [number for number, (text, line) in enumerate(zip(texts, said, strict=True))
            if json.loads(line).get("ids") != encoding.encode_ordinary(text)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=pathlib.Path,
                        default=SHARED / "golden" / "models" / "qwen1_realvocab_bf16")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("HENG_DATA") or SHARED / "data")
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--goal", type=float, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if tiktoken is None:
        print("error: this needs tiktoken: python3 -m pip install tiktoken", file=sys.stderr)
        return 2
    for needed in (arguments.model / "qwen.tiktoken", arguments.data / "cmmlu", arguments.data / "gsm8k" / "test.jsonl"):
        if not needed.exists():
            print(f"error: {needed} is missing. MODEL and --data say where the vocabulary and the texts are.",
                  file=sys.stderr)
            return 2

    texts = mixed_texts(arguments.data, int(arguments.megabytes * 1e6))
    encoding = qwen_encoding(arguments.model)
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    wrong = differing(arguments, encoding, texts, lines)
    if wrong:
        print(f"error: {len(wrong)} of {len(texts)} documents get other ids than tiktoken's, the first is number "
              f"{wrong[0]}.", file=sys.stderr)
        return 1
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "texts.jsonl"
        file.write_text(lines, encoding="utf-8")
        for _ in range(arguments.runs):
            ours.append(time_heng(arguments, file))
            theirs.append(time_tiktoken(encoding, texts))

    n_bytes = sum(len(text.encode()) for text in texts)
    speeds = {name: n_bytes / statistics.median(times) / 1e6 for name, times in (("heng", ours), ("tiktoken", theirs))}
    ratio = speeds["heng"] / speeds["tiktoken"]
    if arguments.json:
        print(json.dumps({"bytes": n_bytes, "documents": len(texts), "runs": arguments.runs,
                          "megabytes_per_second": speeds, "ratio": ratio, "seconds": {"heng": ours, "tiktoken": theirs}}))
    else:
        print(f"{n_bytes / 1e6:.1f} MB in {len(texts)} documents, same ids; medians of {arguments.runs} alternating runs, "
              f"one thread: heng {speeds['heng']:.1f} MB/s, tiktoken {tiktoken.__version__} "
              f"{speeds['tiktoken']:.1f} MB/s, ratio {ratio:.2f}")
    return 0 if ratio >= arguments.goal else 1


if __name__ == "__main__":
    sys.exit(main())
