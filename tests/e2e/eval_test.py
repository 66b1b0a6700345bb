#!/usr/bin/env python3
"""heng eval over a tiny model and a task made here: figures, resuming after SIGKILL, refusals."""
import json
import signal
import time

import program

TASK = """name: numbers
title: Numbers
source: "Made by the test."
data: {folder: numbers, format: jsonl, fields: {question: q, answer: key}, questions: "{subject}.jsonl"}
average: subjects
groups: {odd: [one, three], all: [one, two, three]}
protocols:
  - {name: letters, prompt: "{question}", choices: [A, B], rules: [qwen-bf16, logits]}
  - {name: reply, for: chat, prompt: "{question}", max_new_tokens: 8, rules: exact}
"""


class Eval(program.Case):
    def setUp(self):
        super().setUp()
        (self.home / "data/numbers").mkdir(parents=True)
        (self.home / "numbers.yaml").write_text(TASK)
        for subject in ("one", "two", "three"):
            rows = [{"q": f"{subject} {i}", "key": "AB"[i % 2]} for i in range(150)]
            (self.home / f"data/numbers/{subject}.jsonl").write_text(
                "".join(json.dumps(row) + "\n" for row in rows))

    def command(self, *more, out="runs", protocol="letters"):
        return ("eval", self.paris, "--tasks", "numbers.yaml", "--data", "data", "--out", out,
                "--protocol", protocol, "--json", *more)

    def test_a_killed_run_goes_on_to_the_same_figures(self):
        whole = self.heng(*self.command())[0]
        result = json.loads(whole)
        self.assertEqual(result["answered"], 450)
        self.assertEqual([rule["rule"] for rule in result["rules"]], ["qwen-bf16", "logits"])
        self.assertEqual(set(result["rules"][0]["groups"]), {"odd", "all"})
        for wait in (0.05, 0.1, 0.2, 0.4):
            run = self.start(*self.command(out=f"runs{wait}"))
            time.sleep(wait)
            run.send_signal(signal.SIGKILL)
            run.communicate()
            out = self.heng(*self.command(out=f"runs{wait}"))[0]
            self.assertEqual(out, whole)

    def test_answers_and_limits(self):
        out = self.heng(*self.command("--limit", 5, "--subjects", "two", "--answers", "a.jsonl"))[0]
        self.assertEqual(json.loads(out)["questions"], 5)
        rows = [json.loads(line) for line in (self.home / "a.jsonl").read_text().splitlines()]
        self.assertEqual([row["prompt"] for row in rows], [f"two {i}" for i in range(5)])
        self.assertEqual(rows[0]["where"], "two.jsonl:1")
        self.assertIn(rows[0]["rules"]["logits"]["read"], "AB")

    def test_replies_are_read_by_rule(self):
        out = self.heng(*self.command("--limit", 2, protocol="reply"))[0]
        self.assertEqual(json.loads(out)["rules"][0]["all"]["value"], 0)

    def test_tasks_are_listed(self):
        out = self.heng("eval", "--list")[0]
        for name in ("ceval", "cmmlu", "mmlu", "gsm8k", "humaneval"):
            self.assertIn(f"\n{name} ", "\n" + out)
        self.assertIn("not measured here", self.heng("eval", "--published", "--tasks", "mmlu")[0])

    def test_what_is_wrong_is_said(self):
        self.assertIn("eval needs a model", self.refusal("eval", status=2))
        self.assertIn("There are: ceval", self.refusal("eval", self.paris, "--tasks", "x", status=3))
        self.assertIn("is no folder", self.refusal("eval", self.paris, "--tasks", "mmlu", status=3))
        (self.home / "bad.yaml").write_text(TASK.replace("title", "titel"))
        self.assertIn("bad.yaml:1: a task lacks title",
                      self.refusal("eval", self.paris, "--tasks", "bad.yaml", status=3))


if __name__ == "__main__":
    program.main()
