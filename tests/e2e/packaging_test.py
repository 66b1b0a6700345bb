#!/usr/bin/env python3
"""packaging/: the service and the image start `heng serve` with options that it has."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import program

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"


class Packaging(program.Case):
    def check_options(self, command):
        known = set(re.findall(r"--[a-z-]+", self.heng("serve", "--help")[0]))
        used = set(re.findall(r"--[a-z-]+", command))
        self.assertTrue(used)
        self.assertLessEqual(used, known)

    def test_options_of_the_service(self):
        unit = (PACKAGING / "heng.service").read_text()
        self.check_options(re.search(r"^ExecStart=(.*)$", unit, re.M)[1])
        drain = int(re.search(r"--drain (\d+)", unit)[1])
        self.assertLess(drain, int(re.search(r"^TimeoutStopSec=(\d+)", unit, re.M)[1]))

    def test_options_of_the_image(self):
        text = (PACKAGING / "Dockerfile").read_text()
        self.check_options(re.search(r"^ENTRYPOINT (.*)$", text, re.M)[1])
        self.assertIn("USER heng", text)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd here")
    def test_systemd_takes_the_service(self):
        unit = (PACKAGING / "heng.service").read_text()
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder) / "heng.service"
            place.write_text(unit.replace("/usr/bin/heng", str(pathlib.Path(program.HENG).resolve())))
            done = subprocess.run(["systemd-analyze", "verify", place], capture_output=True,
                                  encoding="utf-8", timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    program.main()
