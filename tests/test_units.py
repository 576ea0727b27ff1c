"""Tests shared by two processes: the effect of each marker, in a small test run of its own."""

import json
from collections import defaultdict

import pytest

from tests.support import ROOT

pytest_plugins = ["pytester"]

CONFTEST = """
import json
import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def note(request):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    with Path("ran.jsonl").open("a") as file:
        file.write(json.dumps([request.node.nodeid, worker]) + "\\n")
"""
MARKED = """
import pytest
pytestmark = pytest.mark.processes

@pytest.mark.parametrize("number", range(3))
def test_it(number):
    pass
"""
ONE_MARKED = """
import pytest

@pytest.mark.processes
def test_with_processes():
    pass

def test_without():
    pass
"""
SPREAD = """
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_it(number):
    pass
"""
TOGETHER = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    pass
"""
TWO = "-p", "xdist", "-n", "2"
TESTS_IN = {MARKED: 3, ONE_MARKED: 2, SPREAD: 4, TOGETHER: 6}


@pytest.fixture
def ran(pytester, monkeypatch):
    """Run modules, and return by process which tests it had."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def run(*options: str, **modules: str) -> dict[str, list[str]]:
        pytester.makeini("[pytest]\nmarkers =\n  slow\n  processes\naddopts = --strict-markers\n")
        pytester.makeconftest(CONFTEST)
        pytester.makepyfile(**modules)
        done = pytester.runpytest_subprocess("-p", "tests.units", *options)
        done.assert_outcomes(passed=sum(TESTS_IN[text] for text in modules.values()))
        by_process = defaultdict(list)
        for line in (pytester.path / "ran.jsonl").read_text().splitlines():
            test, process = json.loads(line)
            by_process[process].append(test)
        return dict(by_process)

    return run


def processes_of(by_process: dict[str, list[str]], word: str) -> list[str]:
    return sorted(name for name, tests in by_process.items() if any(word in test for test in tests))


def test_each_marker_does_what_it_says_where_two_processes_share_the_tests(ran):
    by_process = ran(*TWO, test_a=MARKED, test_b=TOGETHER, test_c=MARKED, test_d=ONE_MARKED)
    place = processes_of(by_process, "test_a")
    assert len(place) == 1
    assert processes_of(by_process, "test_c") == processes_of(by_process, "with_proc") == place
    assert len(processes_of(by_process, "test_b")) == 1
    # One marked test doesn't take its module along: the units begin with the processes and the first module.
    assert processes_of(by_process, "test_b") != place


def test_slow_tests_of_one_module_go_to_both_processes(ran):
    assert len(processes_of(ran(*TWO, test_a=SPREAD), "test_a")) == 2


def test_without_xdist_the_order_is_the_same(ran):
    by_process = ran(test_a=TOGETHER, test_b=SPREAD, test_c=MARKED, test_d=ONE_MARKED)
    modules = list(dict.fromkeys(test.partition(".py")[0] for test in by_process["alone"]))
    assert modules == ["test_c", "test_d", "test_b", "test_a"]
