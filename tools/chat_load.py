"""Many clients at once of an OpenAI-compatible server, in one thread: streams over raw sockets, so that the
load itself takes little of the machine that it measures. Used by bench_serve.py and soak.py."""
import asyncio
import dataclasses
import json
import random
import re
import socket
import subprocess
import time
import urllib.request

WORDS = ("river stone market winter engine letter garden signal harbor teacher mirror copper window forest "
         "number bridge planet method silver corner").split()


def prompts(n, shared_words=0, seed=0):
    """`n` prompts of 40 to 400 words; all begin with the same `shared_words`. The same for the same seed."""
    rng = random.Random(seed)
    prefix = " ".join(rng.choice(WORDS) for _ in range(shared_words))
    bodies = (" ".join(rng.choice(WORDS) for _ in range(rng.randint(40, 400))) for _ in range(n))
    return [f"{prefix} Write a story that uses these words: {body}." for body in bodies]


@dataclasses.dataclass
class Reply:
    text: str = ""
    began: float = 0
    times: list = dataclasses.field(default_factory=list)  # of pieces with text
    usage: dict = dataclasses.field(default_factory=dict)
    status: int = 0
    error: str = ""
    done: bool = False

    @property
    def first(self):
        return self.times[0] - self.began

    @property
    def gaps(self):
        return [b - a for a, b in zip(self.times, self.times[1:])]


class Client:
    """One connection."""

    def __init__(self, port, host="127.0.0.1"):
        self.host, self.port = host, port
        self.reader = self.writer = None

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)
        return self

    def close(self, hard=False):
        if self.writer is None:
            return
        if hard:  # with a reset, as a process that is killed
            self.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.writer.transport.abort()
        self.writer.close()

    async def send(self, method, path, body=None):
        text = json.dumps(body).encode() if body is not None else b""
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                          f"Content-Length: {len(text)}\r\n\r\n".encode() + text)
        await self.writer.drain()

    async def head(self):
        """(status, whether chunked, length) of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"\r\ncontent-length: (\d+)", head)
        return (int(head.split(" ", 2)[1]), "transfer-encoding: chunked" in head,
                int(length[1]) if length else None)

    async def pieces(self, chunked, length):
        """The body as it comes."""
        if not chunked:
            yield await (self.reader.readexactly(length) if length is not None else self.reader.read())
            return
        while n := int((await self.reader.readline()).split(b";")[0], 16):
            yield (await self.reader.readexactly(n + 2))[:-2]
        await self.reader.readline()

    async def ask(self, method, path, body=None):
        """(status, body) of a plain request."""
        await self.send(method, path, body)
        status, *rest = await self.head()
        return status, b"".join([piece async for piece in self.pieces(*rest)])

    async def stream(self, path, body, stop_after=None):
        """A streamed reply; with `stop_after` only so many pieces of it, the connection is then of no use."""
        reply = Reply(began=time.perf_counter())
        await self.send("POST", path, {**body, "stream": True, "stream_options": {"include_usage": True}})
        reply.status, *rest = await self.head()
        buffered = b""
        async for piece in self.pieces(*rest):
            now = time.perf_counter()
            buffered += piece
            *events, buffered = buffered.split(b"\n\n")
            for event in events:
                self._take(reply, event.removeprefix(b"data: "), now)
            if stop_after is not None and len(reply.times) >= stop_after:
                return reply
        if reply.status != 200:
            reply.error = buffered.decode("utf-8", "replace")[:200]
        elif not reply.done and not reply.error:
            reply.error = "the stream ends without [DONE]"
        return reply

    @staticmethod
    def _take(reply, event, now):
        if event == b"[DONE]":
            reply.done = True
            return
        event = json.loads(event)
        if "error" in event:
            reply.error = str(event["error"])[:200]
        reply.usage = event.get("usage") or reply.usage
        for choice in event.get("choices", []):
            text = choice.get("text") or choice.get("delta", {}).get("content")
            if text:
                reply.text += text
                reply.times.append(now)


def chat(text, **more):
    return {"model": "default", "messages": [{"role": "user", "content": text}], "temperature": 0, **more}


async def run_clients(port, n_clients, bodies, path="/v1/chat/completions"):
    """[Reply] of all `bodies`, asked by `n_clients` that each go on when their reply has ended."""
    todo, replies = list(bodies), []

    async def client():
        while todo:
            body, connection = todo.pop(), Client(port)
            try:
                replies.append(await (await connection.open()).stream(path, body))
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                replies.append(Reply(error=repr(error)))
            finally:
                connection.close()

    await asyncio.gather(*(client() for _ in range(n_clients)))
    return replies


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


class Server:
    """A server that was started by `command` with a free port behind it."""

    def __init__(self, command, log=subprocess.DEVNULL):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([*map(str, command), "--port", str(self.port)],
                                        stdout=log, stderr=log)
        end = time.monotonic() + 120
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise SystemExit(f"error: {command[0]} does not serve (exit status "
                                 f"{self.process.poll()}). Run it by hand to see why.")
            time.sleep(0.1)

    def _is_up(self):
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()

    def metric(self, name):
        """The sum of a figure of /metrics over all models."""
        lines = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics")[1], re.M)
        return sum(map(float, lines))

    def resident(self):
        """Bytes."""
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="utf-8") as rollup:
            return int(re.search(r"^Pss_Anon:\s+(\d+)", rollup.read(), re.M)[1]) * 1024

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)
