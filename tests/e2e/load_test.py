#!/usr/bin/env python3
"""`make soak` and `make bench-serve` in short form, over a tiny model."""
import json
import os
import pathlib
import subprocess
import sys

import program

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


class Load(program.Case):
    def run_tool(self, name, *args):
        done = subprocess.run([sys.executable, TOOLS / name, self.noise, "--heng",
                               os.path.abspath(program.HENG), *map(str, args)], capture_output=True,
                              encoding="utf-8", timeout=500, check=False, cwd=self.home,
                              env=program._environment(self.home, {}))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_nothing_is_lost_when_clients_leave(self):
        # The bound on the time is for the machine of `make soak`; this one may be busy.
        said = self.run_tool("soak.py", "--requests", 200, "--stop-seconds", 5)
        self.assertIn("as alone", said)
        self.assertIn("KV blocks all there", said)

    def test_load_has_figures_and_no_failures(self):
        said = json.loads(self.run_tool(
            "bench_serve.py", "--no-peer", "--runs", 1, "--requests", 20, "--max-tokens", 8,
            "--shared-words", 50, "--long-words", 200, "--json"))["heng"][0]
        for scenario in ("mixed", "shared", "one"):
            self.assertEqual(said[scenario]["failures"], 0, said)
            self.assertGreater(said[scenario]["tokens_per_s"], 0)
        self.assertGreater(said["beside"]["prompt_tokens"], 500)
        if said["health"]:
            self.assertEqual(said["health"]["not_200"], 0)


if __name__ == "__main__":
    program.main()
