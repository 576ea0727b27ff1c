"""Ctrl-C in a seed that would last minutes: it is confirmed at once, the run stops soon, and nothing is left over."""

import json
import os
import select
import signal
import subprocess

import pytest

from chaos.base.interrupt import STOPPING
from tests.support import leftovers, processes, start, wait_for

pytestmark = pytest.mark.processes

# Each would run for many minutes.
LONG = "steps = 2000000\nmilliseconds = 60000\n"
MANY_FAULTS = LONG + 200 * '[[faults]]\nkind = "disk_slow"\ncount = 1000\n'
SECONDS_MAX = 60.0


@pytest.fixture
def begin(tmp_path):
    """Start runs of an experiment that would last, and return in the middle of the first seed."""
    begun = []

    def begin(text: str, *options: str) -> subprocess.Popen:
        (tmp_path / "long.toml").write_text(f'name = "long"\n{text}')
        file = str(tmp_path / "long.toml")
        process = start(file, *options, "--seeds", "4", "--format", "json", out=tmp_path / "runs")
        begun.append(process)
        heads = tmp_path / "runs" / "long"
        wait_for(lambda: [*heads.glob("*/capsule.json")], "the first seed", SECONDS_MAX)
        return process

    yield begin
    for process in begun:
        for pid in processes(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def wait_for_answer(process: subprocess.Popen) -> None:
    """Wait for the line that confirms the first signal."""
    assert process.stderr is not None
    stream = process.stderr
    wait_for(lambda: select.select([stream], [], [], 0)[0], "the answer to a signal", 20.0)
    assert stream.readline() == f"{STOPPING}\n"


@pytest.mark.parametrize(
    ("text", "options", "number"),
    [
        (LONG, (), signal.SIGINT),
        (LONG, (), signal.SIGTERM),
        (LONG, ("--jobs", "2"), signal.SIGTERM),
        (LONG, ("--driver", "lockstep"), signal.SIGINT),
        (LONG, ("--driver", "realtime"), signal.SIGTERM),
        (MANY_FAULTS, (), signal.SIGINT),
    ],
    ids=["sim", "SIGTERM", "jobs", "lockstep", "realtime", "many faults"],
)
def test_long_run_is_given_up_soon(begin, tmp_path, text, options, number):
    process = begin(text, *options)
    process.send_signal(number)
    wait_for_answer(process)
    output, errors = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    report = json.loads(output)
    assert (report["interrupted"], report["runs"]) == (True, 0)
    assert not list((tmp_path / "runs").iterdir())
    wait_for(lambda: not processes(process.pid), "all processes to end", SECONDS_MAX)
    assert leftovers(process.pid) == []


def test_second_signal_does_not_wait(begin):
    process = begin(LONG)
    process.send_signal(signal.SIGINT)
    wait_for_answer(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 130
