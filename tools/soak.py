#!/usr/bin/env python3
"""`heng serve` for a long while: nothing may be lost, mixed up or left over.

usage: soak.py MODEL [--heng build/heng] [--requests 1000] [--idle 200] [--streams 32] [--threads 2]

  streams   `--idle` connections do nothing while `--streams` replies run at once: each must be, byte for
            byte, what the same request gets alone
  cancels   `--requests` requests, most of whose clients leave at a random moment (before the answer, between
            two pieces, with a reset): afterwards work stops within 250 ms, no KV block is lost, as many
            connections are open as before, and memory is back within 2 % (or 1 MB) of what it was before, when long
            prompts had filled the cache and a fifth of them had let all buffers grow to their size
  malformed a twentieth of the requests is none: each gets its 400, and nobody else notices

Prints one line a part; exit status 1 where one fails.
"""
import argparse
import asyncio
import random
import signal
import sys
import time

import chat_load

GROWTH = 1.02
SLACK = 1 << 20  # bytes that tiny models may differ by
KV_TOKENS = 16384
LONG = 1500


def bodies_of(n, max_tokens):
    """Chats and completions, greedy and sampled, some held to JSON."""
    rng = random.Random(4)
    bodies = []
    for i, text in enumerate(chat_load.prompts(n, 0, 5)):
        body = chat_load.chat(text[:rng.randint(10, 400)], max_tokens=rng.randint(2, max_tokens),
                              ignore_eos=True)
        if i % 3 == 1:
            body |= {"temperature": 1.2, "seed": i}
        if i % 7 == 2:
            body |= {"response_format": {"type": "json_object"}}
        bodies.append(body)
    return bodies


async def check_streams(port, n_idle, n_streams, max_tokens):
    """What is wrong, in words."""
    bodies = bodies_of(n_streams, max_tokens)
    alone = [(await chat_load.run_clients(port, 1, [body]))[0] for body in bodies]
    idle = [await chat_load.Client(port).open() for _ in range(n_idle)]
    for client in idle:
        if (await client.ask("GET", "/health"))[0] != 200:
            return "an idle connection was refused"
    together = await asyncio.gather(*(chat_load.run_clients(port, 1, [body]) for body in bodies))
    wrong = [i for i, (a, (b,)) in enumerate(zip(alone, together)) if not b.done or a.text != b.text]
    closed = [c for c in idle if (await c.ask("GET", "/health"))[0] != 200]
    for client in idle:
        client.close()
    if wrong:
        return f"{len(wrong)} replies are other than alone; the first: {together[wrong[0]][0].error}"
    return f"{len(closed)} idle connections were closed" if closed else ""


async def one(port, body, rng):
    """A request whose client may leave; what is wrong, in words."""
    client = chat_load.Client(port)
    await client.open()
    way = rng.random()
    try:
        if way < 0.05:
            client.writer.write(b'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: '
                                b'application/json\r\nContent-Length: 9\r\n\r\n{"prompt"')
            status, _ = await client.head(), None
            return "" if status[0] == 400 else f"a broken body got {status[0]}"
        if way < 0.25:
            await client.send("POST", "/v1/chat/completions", {**body, "stream": way < 0.15})
            await asyncio.sleep(rng.random() * 0.05)
        elif way < 0.8:
            reply = await client.stream("/v1/chat/completions", body, stop_after=rng.randint(0, 20))
            return reply.error if not reply.done and reply.error else ""
        else:
            reply = await client.stream("/v1/chat/completions", body)
            return "" if reply.done else reply.error
        return ""
    finally:
        client.close(hard=rng.random() < 0.5)


async def run_cancels(port, bodies, n_clients, seed):
    rng, todo, problems = random.Random(seed), list(bodies), []

    async def client():
        while todo:
            try:
                problem = await one(port, todo.pop(), rng)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                problem = repr(error)
            if problem:
                problems.append(problem)

    await asyncio.gather(*(client() for _ in range(n_clients)))
    return problems


def stop_seconds(server):
    """How long the engine goes on after the last client has left."""
    began = time.perf_counter()
    while server.metric("heng:requests_running") + server.metric("heng:requests_waiting"):
        if time.perf_counter() - began > 60:
            break
        time.sleep(0.005)
    return time.perf_counter() - began


async def fill_cache(port):
    """Prompts that have nothing in common, until every block was written once."""
    rng = random.Random(6)
    for _ in range(2 * KV_TOKENS // LONG):
        client = await chat_load.Client(port).open()
        await client.ask("POST", "/v1/completions", {
            "prompt": [rng.randrange(100, 400) for _ in range(LONG)], "max_tokens": 1})
        client.close()


def check_cancels(server, n, n_clients, max_tokens, most_seconds):
    bodies = bodies_of(n, max_tokens)
    problems, first = [], max(n // 5, 1)
    asyncio.run(fill_cache(server.port))
    problems += asyncio.run(run_cancels(server.port, bodies[:first], n_clients, 1))
    stop_seconds(server)
    connections, memory = server.metric("heng:connections"), server.resident()
    problems += asyncio.run(run_cancels(server.port, bodies[first:], n_clients, 2))
    seconds = stop_seconds(server)
    time.sleep(0.3)
    blocks = {name: server.metric(f"heng:kv_blocks{name}") for name in ("", "_free", "_cached", "_used")}
    now = server.resident()
    if seconds > most_seconds:
        problems.append(f"work went on for {1e3 * seconds:.0f} ms after the last client had left")
    if blocks["_used"] or blocks["_free"] + blocks["_cached"] != blocks[""]:
        problems.append(f"KV blocks are lost: {blocks}")
    if server.metric("heng:connections") > connections:
        problems.append("connections were left open")
    if now > max(memory * GROWTH, memory + SLACK):
        problems.append(f"memory was {memory / 1e6:.1f} MB and is {now / 1e6:.1f} MB")
    figures = (f"work stopped after {1e3 * seconds:.0f} ms, memory {now / memory:.3f} times, "
               f"{blocks['']:.0f} KV blocks all there, "
               f"{server.metric('heng:requests_cancelled_total'):.0f} cancelled")
    return problems, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--heng", default="build/heng")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--stop-seconds", type=float, default=0.25)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server ends with this program
    server = chat_load.Server([a.heng, "serve", a.model, "--threads", a.threads, "--log", "none",
                               "--ctx", 2048, "--kv-tokens", KV_TOKENS])
    status = 0
    try:
        problem = asyncio.run(check_streams(server.port, a.idle, a.streams, a.max_tokens))
        print(f"streams   {a.streams} beside {a.idle} idle connections: {problem or 'as alone'}", flush=True)
        status |= bool(problem)
        problems, figures = check_cancels(server, a.requests, 16, a.max_tokens, a.stop_seconds)
        print(f"cancels   {a.requests} requests: {figures}")
        for problem in problems[:10]:
            print(f"          wrong: {problem}")
        status |= bool(problems)
    finally:
        ended = server.stop()
    if ended != 0:
        print(f"          wrong: heng serve ended with {ended}")
    return 1 if status or ended else 0


if __name__ == "__main__":
    sys.exit(main())
