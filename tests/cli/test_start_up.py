"""The imports of a command: only those that it needs. Each is run in a fresh process, which prints its modules."""

import json
import os
import subprocess
import sys

import pytest

from chaos.cli import program
from chaos.cli.commands import explain, score
from chaos.cli.program import LINES, SECTIONS
from chaos.explaining.likelihood import CONTINUATIONS
from chaos.scoring.score import RANGE_SEEDS
from tests.support import ROOT

# Libraries that only some commands need.
HEAVY = {
    "asyncio",
    "distributed",
    "faker",
    "jinja2",
    "junitparser",
    "multiprocessing",
    "prometheus_client",
    "rich",
    "setproctitle",
    "trio",
    "zmq",
}
# The modules that run, judge, shrink and explain; and the experiments.
WORKING = {"chaos.run", "chaos.drivers", "chaos.shrinking", "chaos.explaining", "chaos.soak"}
EXPERIMENTS = {"experiments.catalog", "experiments.suites"}
PROGRAM = """
import json, sys
sys.argv[0] = "raidstorm"
import raidstorm
try:
    raidstorm.main()
except SystemExit as exit:
    code = exit.code
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def modules_of(*words: str, **environment: str) -> set[str]:
    """Return the modules that a command has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code in (0, 2), done.stdout + done.stderr
    assert done.stdout or done.stderr.count("\n") > 1
    return set(modules)


def completing(*words: str) -> dict[str, str]:
    """Return the environment in which a shell asks what the last of these words may become."""
    return {
        "_RAIDSTORM_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["raidstorm", *words]),
        "COMP_CWORD": str(len(words)),
    }


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (("--help",), WORKING | EXPERIMENTS | {"msgspec", "chaos.plan.experiment"}),
        (("run", "--help"), WORKING | EXPERIMENTS | {"msgspec", "chaos.campaigns.campaign"}),
        (
            ("list", "experiments"),
            WORKING | {"experiments.suites", "chaos.store", "chaos.checkers"},
        ),
        (("list", "drivers"), WORKING | EXPERIMENTS | {"msgspec"}),
        (("list",), WORKING - {"chaos.run"}),
        (("validate", "tests/regressions/failed_but_still_a_member.json"), WORKING - {"chaos.run"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_command_imports_only_what_it_needs(words, unneeded):
    modules = modules_of(*words)
    assert modules & (HEAVY | unneeded) == set()


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (("ru",), WORKING | EXPERIMENTS | {"msgspec", "chaos.cli.commands.run"}),
        (("run", "con"), WORKING - {"chaos.run"}),
        (("run", "baseline", "--defect", "new"), WORKING | EXPERIMENTS),
        (("run", "baseline", "--driver", "s"), WORKING | EXPERIMENTS | {"msgspec"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_completion_imports_only_what_it_needs(words, unneeded):
    modules = modules_of(**completing(*words))
    assert modules & (HEAVY | unneeded) == set()


def test_each_command_has_a_module_of_its_own_and_one_place_in_the_help():
    folder = ROOT / "chaos" / "cli" / "commands"
    stems = {path.stem.replace("_", "-") for path in folder.glob("*.py")} - {"--init--"}
    assert stems == set(LINES)
    assert sum(len(commands) for commands in SECTIONS.values()) == len(LINES)
    assert [command.name for command in program.commands.values()] == list(LINES)


def test_bounds_that_a_command_repeats_are_those_of_what_it_runs():
    """Repeating them keeps the help of a command from importing what it runs."""
    assert explain.CONTINUATIONS == CONTINUATIONS
    assert score.RANGE_SEEDS == RANGE_SEEDS
