#!/usr/bin/env python3
"""How far rounding moves a model on real text: each setting against --dtype fp32, the oracle.

usage: check_quality.py [MODEL] [--heng build/heng] [--data ../shared/data] [--positions 4096] [--threads 2]
                        [--setting "--activations 8"]... [--json]

Half of the text is questions of CMMLU with their answers, its subjects in turns, half is problems of GSM8K with
their solutions; --data (or $HENG_DATA) has cmmlu/test/*.csv and gsm8k/test.jsonl. `heng logits` scores it in windows
of 512 tokens under every setting. Over all positions: the mean and the 99th percentile of the KL divergence of the
setting's distribution from the oracle's, in nats, and the share whose most likely token is the oracle's.

MODEL is a folder, a .gguf file or a name in the model cache; by default the default model. A setting is options of
heng, "" is heng's own choice. Needs numpy (PyPI).

The goals, for heng's own choice: a mean KL under 0.002, the same token at 99 % of the positions. Exit status 0 where
it meets them (or is not among the settings), 1 where not, 2 where numpy or the data are missing.
"""
import argparse
import csv
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
except ImportError:
    numpy = None

ROOT = pathlib.Path(__file__).resolve().parent.parent
ORACLE = "--dtype fp32 --kv fp32"
SETTINGS = ["", "--activations 15", "--activations 8", "--kv bf16", "--kv int8"]
MOST_KL, LEAST_SAME = 0.002, 0.99
WINDOW = 512
DATA_SETS = ("cmmlu/test", "gsm8k/test.jsonl")


def run(*command, text=None):
    try:
        done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"error: {command[0]} does not start: {error.strerror}")
    if done.returncode:
        sys.exit(f"error: {command[0]} {command[1]} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def default_model():
    return run(sys.executable, ROOT / "tools" / "fetch_default_model.py").splitlines()[-1].removeprefix("path ")


def cmmlu_questions(folder):
    """A question of each subject, then the next of each."""
    subjects = []
    for file in sorted(folder.glob("*.csv")):
        with open(file, encoding="utf-8", newline="") as lines:
            subjects.append([f"{row['Question']}\nA. {row['A']}\nB. {row['B']}\nC. {row['C']}\nD. {row['D']}\n"
                             f"答案是：{row['Answer']}\n" for row in csv.DictReader(lines)])
    return [question for turn in itertools.zip_longest(*subjects) for question in turn if question]


def gsm8k_problems(file):
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [f"Question: {row['question']}\nAnswer: {row['answer']}\n" for row in rows]


def windows_of(arguments, texts):
    """Lists of WINDOW ids: as many as half of the positions need, fewer where the texts end."""
    want = max(1, arguments.positions // 2 // WINDOW)
    lines = (json.dumps({"text": "\n".join(texts[at:at + 20])}) + "\n" for at in range(0, len(texts), 20))
    ids = []
    # 20 texts have at least 500 tokens; the limit keeps a short run from encoding everything.
    said = run(arguments.heng, "tokenize", arguments.model, "--jsonl", "--no-bos",
               text="".join(itertools.islice(lines, 2 * want + 1)))
    for line in said.splitlines():
        ids += json.loads(line)["ids"]
    return [ids[at:at + WINDOW] for at in range(0, len(ids) - WINDOW + 1, WINDOW)][:want]


def log_probabilities(arguments, setting, ids, folder):
    """float32 [positions, vocabulary]."""
    npy = pathlib.Path(folder) / "scores.npy"
    run(arguments.heng, "logits", arguments.model, *setting.split(), "--threads", arguments.threads, "--ids", "-",
        "--npy", npy, "--json", text=" ".join(map(str, ids)))
    scores = numpy.load(npy)
    scores -= scores.max(axis=1, keepdims=True)
    total = numpy.exp(scores).sum(axis=1, keepdims=True, dtype=numpy.float64)
    scores -= numpy.log(total).astype(numpy.float32)
    return scores


def compare(arguments, windows):
    """A row a setting."""
    divergences = {setting: [] for setting in arguments.setting}
    same = dict.fromkeys(arguments.setting, 0)
    with tempfile.TemporaryDirectory() as folder:
        for number, ids in enumerate(windows):
            if sys.stderr.isatty():
                print(f"\rwindow {number + 1} of {len(windows)}", end="", file=sys.stderr, flush=True)
            oracle = log_probabilities(arguments, ORACLE, ids, folder)
            weights, best = numpy.exp(oracle), oracle.argmax(axis=1)
            for setting in arguments.setting:
                scores = log_probabilities(arguments, setting, ids, folder)
                same[setting] += int((scores.argmax(axis=1) == best).sum())
                numpy.subtract(oracle, scores, out=scores)
                divergences[setting].append(numpy.einsum("pv,pv->p", weights, scores, dtype=numpy.float64))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    rows = []
    for setting, parts in divergences.items():
        values = numpy.concatenate(parts)
        rows.append({"setting": setting, "mean_kl": float(values.mean()),
                     "p99_kl": float(numpy.quantile(values, 0.99)), "same_top": same[setting] / len(values)})
    return rows


def meets_goals(row):
    return row["mean_kl"] < MOST_KL and row["same_top"] >= LEAST_SAME


def print_table(rows, record):
    print(f"model     {record['model']} · {record['positions']:,} positions in windows of {WINDOW}, "
          f"beside {ORACLE}")
    print(f"{'setting':20}{'mean KL':>12}{'99th pct.':>12}{'same token':>12}")
    for row in rows:
        print(f"{row['setting'] or 'by itself':20}{row['mean_kl']:12.6f}{row['p99_kl']:12.6f}{row['same_top']:12.2%}"
              f"{'' if meets_goals(row) else '  short of the goals'}")
    print(f"{'goals':20}{MOST_KL:>12}{'':12}{LEAST_SAME:12.0%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--heng", default=str(ROOT / "build" / "heng"))
    parser.add_argument("--data", type=pathlib.Path,
                        default=os.environ.get("HENG_DATA") or ROOT.parent / "shared" / "data")
    parser.add_argument("--positions", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--setting", action="append")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if numpy is None:
        print("error: this needs numpy: apt-get install python3-numpy, or pip install numpy", file=sys.stderr)
        return 2
    absent = [name for name in DATA_SETS if not (arguments.data / name).exists()]
    if absent:
        print(f"error: no {' and no '.join(absent)} in {arguments.data}. --data names the folder that has both.",
              file=sys.stderr)
        return 2
    arguments.model = arguments.model or default_model()
    arguments.setting = arguments.setting or SETTINGS
    windows = [window for texts in (cmmlu_questions(arguments.data / "cmmlu" / "test"),
                                    gsm8k_problems(arguments.data / "gsm8k" / "test.jsonl"))
               for window in windows_of(arguments, texts)]
    if not windows:
        print(f"error: the text in {arguments.data} has not {WINDOW} tokens.", file=sys.stderr)
        return 2
    rows = compare(arguments, windows)
    record = {"model": pathlib.Path(arguments.model).name, "positions": WINDOW * len(windows)}
    if arguments.json:
        print(json.dumps({**record, "results": rows}))
    else:
        print_table(rows, record)
    return 0 if all(meets_goals(row) for row in rows if not row["setting"]) else 1


if __name__ == "__main__":
    sys.exit(main())
