"""Standard output that can't be written: a sentence and 70, whether Python buffers or not."""

import os
import subprocess

import pytest

from tests.support import PROGRAM, ROOT


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("options", [(), ("--format", "json")])
def test_output_that_cannot_be_written_is_a_sentence(tmp_path, options, unbuffered):
    command = [*PROGRAM, "run", "baseline", "--seeds", "1", "--out", str(tmp_path), *options]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 70
    sentence = "standard output can't be written: No space left on device"
    assert done.stderr == f"raidstorm: {sentence}\n"
