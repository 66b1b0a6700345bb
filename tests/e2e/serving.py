"""Starts `heng serve` over tiny models, and finds the clients of PyPI that the tests hold it against."""
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import unittest

import program

VENV = pathlib.Path(os.environ.get("HENG_TEST_VENV", "build/venv")) / "bin" / "python3"


def need_clients():
    """Runs the script again by the Python that has the clients, where this one has not."""
    try:
        import ollama  # noqa: F401
        import openai  # noqa: F401
        import selenium  # noqa: F401
    except ImportError:
        if VENV.exists() and pathlib.Path(sys.prefix) != VENV.parent.parent:
            os.execv(VENV, [str(VENV), *sys.argv])
        if os.environ.get("HENG_REQUIRE_CLIENTS"):
            raise
        print("skipped: needs the packages of packaging/test-requirements.txt (make test)")
        sys.exit(0)


class Server:
    """A running `heng serve`; its log is kept."""

    def __init__(self, home, *args, env=None):
        self.log = []
        self._ready = threading.Event()
        self.port = None
        self.process = subprocess.Popen(
            [program.HENG, "serve", *map(str, args), "--port", "0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", cwd=home,
            env=program._environment(home, env or {}))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(program.TIMEOUT) or self.port is None:
            raise AssertionError("no server: " + "".join(self.log))

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"http://\S+:(\d+)|\"port\":(\d+)", line)
            if found:
                self.port = int(found[1] or found[2])
                self._ready.set()
        self._ready.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body) of a plain request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=program.TIMEOUT)
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text,
                               {"Content-Type": "application/json"} | (headers or {}))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def stop(self, sign=signal.SIGTERM):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        status = self.process.wait(program.TIMEOUT)
        self._reader.join(5)
        self.process.stderr.close()
        return status


class Case(program.Case):
    """A test that starts servers; one over the speller and the noise is shared by a class."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._home = program.tempfile.mkdtemp(prefix="heng-serve-")
        cls.server = Server(pathlib.Path(cls._home), cls.paris, cls.noise, "--ctx", 2048)

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        program.shutil.rmtree(cls._home)
        if status != 0:
            raise AssertionError(f"heng serve ended with {status}: {''.join(cls.server.log[-20:])}")

    def serve(self, *args, env=None):
        server = Server(self.home, *args, env=env)
        self.addCleanup(server.stop)
        return server
