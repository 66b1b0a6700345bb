#!/usr/bin/env python3
"""`make soak` and `make bench-serve` in short form, over a tiny model."""
import asyncio
import json
import os
import pathlib
import subprocess
import sys

import program

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
import chat_load  # noqa: E402


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

    def test_the_end_lets_many_replies_end(self):
        server = chat_load.Server([program.HENG, "serve", self.noise, "--drain", program.TIMEOUT,
                                   "--log", "none", "--ctx", 8192])
        body = {"prompt": "a", "max_tokens": 500, "ignore_eos": True, "temperature": 0}

        async def stream(client):
            try:
                return await client.stream("/v1/completions", body)
            finally:
                client.close()

        async def run():
            clients = [await chat_load.Client(server.port).open() for _ in range(9)]
            idle = await chat_load.Client(server.port).open()
            alone = await stream(clients.pop())
            streams = [asyncio.ensure_future(stream(client)) for client in clients]
            while server.metric("heng:streams") == 0 and not all(s.done() for s in streams):
                await asyncio.sleep(0)
            server.process.terminate()
            self.assertEqual(await asyncio.wait_for(idle.reader.read(), program.TIMEOUT), b"")
            idle.close()
            return alone, await asyncio.gather(*streams, return_exceptions=True)

        alone, replies = asyncio.run(run())
        self.assertEqual(server.process.wait(program.TIMEOUT), 0)
        ended = [reply for reply in replies if isinstance(reply, chat_load.Reply) and reply.done]
        self.assertTrue(ended)
        for reply in ended:
            self.assertEqual(reply.text, alone.text)
        for reply in replies:  # sent too late: refused, not cut
            if reply not in ended and isinstance(reply, chat_load.Reply):
                self.assertEqual(reply.status, 503, reply.error)

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
