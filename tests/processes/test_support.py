"""Processes that tests start end with them, also when the tests are killed."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support import ROOT, popen, processes, reactors, wait_for

pytestmark = pytest.mark.processes

A_TEST = """
import sys
from pathlib import Path
from tests.support import start

process = start(
    *("connect-during-rebuild", "--driver", "lockstep", "--seeds", "100000", *sys.argv[2:]),
    out=Path(sys.argv[1]),
)
print(process.pid, flush=True)
process.wait()
"""


@pytest.mark.parametrize("options", [(), ("--jobs", "2")], ids=["one process", "jobs"])
def test_killed_test_leaves_no_campaign_behind(tmp_path, options):
    test = popen(
        [sys.executable, "-c", A_TEST, str(tmp_path), *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    campaign = int(test.stdout.readline())
    try:
        wait_for(lambda: len(reactors(campaign)) >= 3, "reactor processes")
        test.kill()
        test.wait()
        wait_for(lambda: not processes(campaign), "what the test started to end")
    finally:
        for pid in processes(campaign):
            os.kill(pid, signal.SIGKILL)
