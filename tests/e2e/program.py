"""Runs the built program: plainly, or at a terminal of its own."""
import atexit
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import tiny_qwen

HENG = os.environ.get("HENG", "build/heng")
TIMEOUT = 60


def _environment(home, extra):
    """Nothing of the user's own settings reaches the program."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HENG_FORCE_ISA", "ASAN_OPTIONS")}
    return kept | {"HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm-256color",
                   "HENG_MODELS": str(home / "models")} | extra


class Case(unittest.TestCase):
    """A test with a home folder of its own and the models that all tests share."""

    @classmethod
    def setUpClass(cls):
        cls.paris, cls.noise = _models()

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="heng-e2e-"))
        self.addCleanup(shutil.rmtree, self.home)

    def heng(self, *args, text=None, status=0, env=None):
        """(standard output, standard error) of a run that ends with `status`."""
        done = subprocess.run([HENG, *map(str, args)], input=text if text is not None else "",
                              capture_output=True, encoding="utf-8", timeout=TIMEOUT, check=False,
                              cwd=self.home, env=_environment(self.home, env or {}))
        self.assertEqual(done.returncode, status, f"{args}: {done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def start(self, *args, stdout=subprocess.PIPE):
        """A run to be watched, with nothing on standard input."""
        return subprocess.Popen([HENG, *map(str, args)], stdin=subprocess.DEVNULL, stdout=stdout,
                                stderr=subprocess.PIPE, cwd=self.home,
                                env=_environment(self.home, {}))

    def refusal(self, *args, status, text=None):
        """The error of a run that must be refused: a line, or two, and nothing on standard output."""
        out, err = self.heng(*args, text=text, status=status)
        self.assertEqual(out, "")
        lines = err.splitlines()
        self.assertTrue(lines and lines[0].startswith("error: "), err)
        self.assertLessEqual(len(lines), 3, err)
        return err

    def terminal(self, *args, env=None, columns=100):
        term = Terminal([HENG, *map(str, args)], _environment(self.home, env or {}), self.home,
                        columns)
        self.addCleanup(term.close)
        return term


_made = None


def _models():
    global _made
    if _made is None:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="heng-e2e-models-"))
        atexit.register(shutil.rmtree, folder)
        _made = (tiny_qwen.make(folder / "paris", reply="Paris é."),
                 tiny_qwen.make(folder / "noise"))
    return _made


class Terminal:
    """A program at a pseudo-terminal: what it writes, and keys for it."""

    def __init__(self, command, env, cwd, columns):
        self.output = ""  # everything so far
        self.seen = 0     # up to where expect() has looked
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                os.execve(os.path.join(START_FOLDER, command[0]), command, env)
            finally:
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def read_some(self, seconds):
        """False where the program has closed the terminal."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += data.decode("utf-8", "replace")
        return bool(data)

    def expect(self, pattern):
        """Waits until `pattern` (a regular expression) appears after what was expected before."""
        end = time.monotonic() + TIMEOUT
        while True:
            found = re.compile(pattern).search(self.output, self.seen)
            if found:
                self.seen = found.end()
                return found
            if time.monotonic() > end or not self.read_some(0.2):
                raise AssertionError(f"no {pattern!r} in {self.output[self.seen:]!r}")

    def send(self, keys):
        os.write(self.fd, keys.encode())

    def line(self, text):
        """Types a line at the prompt."""
        self.expect(PROMPT)
        self.send(text + "\r")

    def wait(self):
        """The exit status after the program has ended by itself."""
        end = time.monotonic() + TIMEOUT
        while self.status is None and time.monotonic() < end:
            self.read_some(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


START_FOLDER = os.getcwd()
PROMPT = r"\x1b\[\?2004h"  # bracketed paste is switched on when a line is awaited


def main():
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
