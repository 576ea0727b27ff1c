"""A shrink that stopped early says so, on the screen and in its capsule, and so do the commands that use the capsule."""

import json
from itertools import count

import pytest

from chaos.cli import minimizing
from chaos.shrinking.minimal import minimize
from chaos.store.capsule import read_capsule, unfinished_line, write_capsule
from tests.inside import inside
from tests.red_run import run_directory

AGAIN = "run shrink again for a smaller run"
ASKED = 60  # how often the shrinker checks its budget


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    return run_directory(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def whole(red):
    return read_capsule(red / "capsule.json")


def is_asked_often():
    asked = count()
    return lambda: next(asked) >= ASKED


def test_capsule_has_the_reason_and_loses_it_when_shrinking_it_goes_to_its_end(whole, tmp_path):
    small = minimize(whole, (), is_asked_often(), budget="1 s").capsule
    assert unfinished_line(small) == f"not finished: the budget of 1 s is used up; {AGAIN}"
    path = tmp_path / "minimal.json"
    write_capsule(path, small)
    assert read_capsule(path) == small
    smallest = minimize(small, (), lambda: False).capsule
    assert unfinished_line(smallest) == ""
    assert len(smallest.script) < len(small.script)
    write_capsule(path, smallest)
    assert "unfinished" not in json.loads(path.read_text())
    assert read_capsule(path) == smallest


def test_interrupt_is_the_reason_where_there_was_one(whole):
    is_over = is_asked_often()
    stopped = []

    def is_stopped():
        stopped.extend([True] if is_over() else [])
        return bool(stopped)

    small = minimize(whole, (), is_stopped, interrupted=lambda: bool(stopped), budget="1 s")
    assert unfinished_line(small.capsule) == f"not finished: interrupted; {AGAIN}"


def test_commands_say_that_the_budget_ended_the_shrink(red, tmp_path, monkeypatch):
    clock = count()  # hundredths of a second, one for each look
    monkeypatch.setattr(minimizing, "processor_seconds", lambda: next(clock) / 100)
    line = f"not finished: the budget of 1 s of processor time is used up; {AGAIN}"
    assert line in inside("shrink", str(red), "--budget", "1s").stdout
    explained = inside("explain", str(red), "--continuations", "1").stdout
    assert f"This run is not minimal. Shrinking: {line}" in " ".join(explained.split())
    adopted = inside("adopt", str(red), "early", cwd=tmp_path)
    assert f"shrinking: {line}" in adopted.stdout
    assert f"shrinking: {line}" in (tmp_path / "regressions" / "early.txt").read_text()
