"""What a shell completes: asked of click, and of a real bash."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from chaos.cli import program
from chaos.cli.commands.completion import SHELLS, VARIABLE
from chaos.plan.driver_names import DRIVERS
from chaos.plan.strategies import STRATEGIES
from experiments.catalog import EXPERIMENTS
from experiments.suites import SUITES
from tests.inside import CATALOG, inside
from workers.defects.loader import known_defects


def completed(*words):
    """Return what the last of these words may become, and of which kind it is."""
    shell = ShellComplete(program, {"obj": CATALOG}, "raidstorm", VARIABLE)
    return [(item.value, item.type) for item in shell.get_completions(list(words[:-1]), words[-1])]


def values(*words):
    return [value for value, kind in completed(*words) if kind == "plain"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", ""), [*EXPERIMENTS, *SUITES]),
        (("run", "baseline", "con"), ["connect-during-rebuild"]),
        (("run", "baseline", "--driver", ""), list(DRIVERS)),
        (("run", "baseline", "--defect", ""), known_defects()),
        (("replay", "runs/x", "--defect", ""), ["none", *known_defects()]),
        (("score", "--experiment", "swa"), ["swarm"]),
        (("score", "--strategy", ""), ["all", "each", "without", *STRATEGIES]),
        (("score", "--strategy", "pct+fro"), ["pct+frontier"]),
        (("score", "--defects", "a.py,new-ch"), ["a.py,new-channel-null-module-ctx"]),
        (("check", "runs/x", "--check", "mirr"), ["mirrors"]),
        (("suite", "s"), ["smoke", "soak"]),
        (("list", "str"), ["strategies"]),
        (("compl",), ["completion"]),
    ],
    ids=" ".join,
)
def test_names_are_completed(words, expected):
    assert values(*words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ("run", "mine.t"),
        ("run", "baseline", "--defect", "my_"),
        ("replay", "runs/la"),
        ("shrink", "runs/la"),
        ("regress", "runs/la"),
        ("score", "--defects", "no_double_replies,my_"),
    ],
    ids=" ".join,
)
def test_what_is_no_name_is_a_file(words):
    assert completed(*words) == [(words[-1], "file")]


def test_every_name_in_a_command_has_something_to_complete_it():
    """Look for a metavar that says what may stand there, and has nothing that completes it."""
    for name, command in program.commands.items():
        context = click.Context(command, obj=CATALOG)
        for parameter in command.params:
            if any(word in str(parameter.metavar) for word in ("RUN_DIR", "ID|", "NAME|")):
                assert parameter.shell_complete(context, ""), (name, parameter.name)


def test_real_bash_completes_an_experiment_and_leaves_files_to_itself():
    script = """
    eval "$(raidstorm completion bash)"
    complete -p raidstorm
    COMP_WORDS=(raidstorm run dou); COMP_CWORD=2
    _raidstorm_completion raidstorm dou run
    echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[0].endswith("_raidstorm_completion raidstorm"), done.stderr
    assert done.stdout.splitlines()[1] == "double-failure"


@pytest.mark.parametrize("shell", SHELLS)
def test_script_of_each_shell_is_printed(shell):
    done = inside("completion", shell)
    assert done.returncode == 0
    assert f"{VARIABLE}={shell}_complete" in done.stdout


def test_other_shell_is_refused():
    assert inside("completion", "tcsh").returncode == 2
