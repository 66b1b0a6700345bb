#!/usr/bin/env python3
"""Scores a small CMMLU-like task with `lm_eval --model local-completions`, unmodified from PyPI, over
`heng serve`, and compares every log-likelihood with what the server gives for the same tokens asked one
by one.

usage: check_lm_eval.py MODEL [--heng build/heng] [--lm-eval lm_eval]

lm_eval (pip install "lm_eval[api]") is not part of the tests: it brings gigabytes along. Prints the number
of log-likelihoods and how many differ in any bit; exit status 1 where one does.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

SUBJECTS = ("rivers", "metals", "planets", "letters")
WORDS = ("水", "火", "木", "金", "土", "日", "月", "山")
TASK = """task: heng_check
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: multiple_choice
doc_to_text: "以下是关于{{{{subject}}}}的单项选择题，请直接给出正确答案的选项。\\n\\n题目：{{{{question}}}}\\nA. {{{{a}}}}\\nB. {{{{b}}}}\\nC. {{{{c}}}}\\nD. {{{{d}}}}\\n答案是："
doc_to_choice: ["A", "B", "C", "D"]
doc_to_target: "{{{{answer}}}}"
metric_list:
  - metric: acc
"""


def documents(n):
    for i in range(n):
        options = [WORDS[(i * k + k) % len(WORDS)] * (1 + (i + k) % 3) for k in range(1, 5)]
        yield {"subject": SUBJECTS[i % 4], "question": f"{WORDS[i % 8]}{i * 7 % 13}" * (1 + i % 5),
               "answer": "ABCD"[i * 5 % 4], **dict(zip("abcd", options))}


def start_server(heng, model):
    process = subprocess.Popen([heng, "serve", model, "--port", "0", "--log", "none"],
                               stderr=subprocess.PIPE, encoding="utf-8")
    for line in process.stderr:
        found = re.search(r"http://\S+:(\d+)", line)
        if found:
            return process, f"http://127.0.0.1:{found[1]}"
    sys.exit(f"heng serve did not start: {process.wait()}")


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def direct(url, context, continuation):
    """The log-likelihood of `continuation` behind `context`, as one request that scores no more."""
    ids = [post(url + "/tokenize", {"prompt": text, "add_special_tokens": False})["tokens"]
           for text in (context, context + continuation)]
    scores = post(url + "/v1/completions", {"prompt": ids[1], "max_tokens": 0, "echo": True,
                                            "logprobs": 0})["choices"][0]["logprobs"]
    return sum(scores["token_logprobs"][len(ids[0]):])


def run_lm_eval(program, url, folder, batch):
    arguments = (f"model=default,base_url={url}/v1/completions,tokenizer_backend=remote,"
                 f"tokenized_requests=True,max_length=4096,num_concurrent=2")
    subprocess.run([program, "--model", "local-completions", "--model_args", arguments, "--tasks",
                    "heng_check", "--include_path", str(folder), "--batch_size", str(batch),
                    "--log_samples", "--output_path", str(folder / f"out{batch}")],
                   check=True, stdout=subprocess.DEVNULL)
    samples = next((folder / f"out{batch}").rglob("samples_*.jsonl"))
    for line in samples.read_text().splitlines():
        sample = json.loads(line)
        requests = sample["arguments"]
        values = requests.values() if isinstance(requests, dict) else requests
        for request, answer in zip(values, sample["resps"]):
            pair = list(request.values()) if isinstance(request, dict) else request
            while isinstance(answer[0], list):
                answer = answer[0]
            yield pair[0], pair[1], float(answer[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--heng", default="build/heng")
    parser.add_argument("--lm-eval", default="lm_eval")
    parser.add_argument("--questions", type=int, default=40)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = folder / "questions.jsonl"
        data.write_text("".join(json.dumps(d, ensure_ascii=False) + "\n"
                                for d in documents(a.questions)))
        (folder / "task.yaml").write_text(TASK.format(data=data))
        process, url = start_server(a.heng, a.model)
        try:
            n = differing = 0
            for batch in (1, 16):
                for context, continuation, got in run_lm_eval(a.lm_eval, url, folder, batch):
                    n += 1
                    differing += got != direct(url, context, continuation)
        finally:
            process.terminate()
            process.wait()
    print(f"{n} log-likelihoods of lm_eval over heng serve, {differing} differ from single requests")
    return 1 if differing or n != 8 * a.questions else 0


if __name__ == "__main__":
    sys.exit(main())
