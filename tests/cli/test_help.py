"""Help: groups with lines that are not cut off, an example for each command, and sentences with the meant name."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from chaos.cli import program
from chaos.cli.program import LINES, SECTIONS
from tests.inside import CATALOG, inside
from tests.support import SEED_DEFECT

EXAMPLE = re.compile(r"^ +raidstorm (.*?)(?:  .*)?$", re.MULTILINE)


def help_of(*words: str, columns: int = 80) -> str:
    done = CliRunner().invoke(program, [*words, "--help"], obj=CATALOG, terminal_width=columns)
    assert done.exit_code == 0, done.output
    return done.output


def commands() -> dict[tuple[str, ...], click.Command]:
    """Return every command with the words that call it."""
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in program.commands.items():
        found[(name,)] = command
        for below, one in getattr(command, "commands", {}).items():
            found[(name, below)] = one
    return found


def test_commands_are_grouped_and_each_has_its_line_whole_at_80_columns():
    lines = help_of().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line[:-1] for line in lines if f"{line[:-1]}" in SECTIONS] == list(SECTIONS)
    for name, what in LINES.items():
        assert [line for line in lines if line.split() == [name, *what.split()]], name


def test_help_tells_the_exit_codes():
    assert "5 the target crashed" in " ".join(help_of().split())


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_a_command_has_an_example_that_parses(words):
    _, mark, shown = help_of(*words).partition("Examples:")
    assert mark
    assert max(map(len, shown.splitlines())) <= 80
    examples = EXAMPLE.findall(shown)
    if words == ("completion",):
        assert 'eval "$(raidstorm completion bash)"' in shown
        return
    assert examples
    for example in examples:
        name, *rest = shlex.split(example)
        assert name == words[0]
        command = program.commands[name]
        if isinstance(command, click.Group):
            command, rest = command.commands[rest[0]], rest[1:]
        command.make_context(name, rest, obj=CATALOG)  # raises UsageError


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["replya", "runs"], "replay"),
        (["run", "swarn"], "swarm"),
        (["suite", "smok"], "smoke"),
        (["run", "baseline", "--defect", SEED_DEFECT[:-2]], SEED_DEFECT),
        (["run", "baseline", "--driver", "lockstp"], "lockstep"),
        (["soak", "smoke", "--drivers", "sim,realtme"], "realtime"),
        (["score", "--strategy", "ptc"], "pct"),
        (["check", "nowhere", "--check", "registre"], "register"),
        (["list", "defect"], "defects"),
        (["list", "faults", "disk_pul"], "disk_pull"),
        (["export", "runs", "--to", "perfeto"], "perfetto"),
    ],
    ids=" ".join,
)
def test_mistyped_name_is_answered_with_the_one_it_may_mean(arguments, meant):
    done = inside(*arguments)
    assert done.returncode == 2
    assert f"did you mean {meant}?" in done.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[faults]]\nkind = "disk_pul"\n', "did you mean disk_pull?"),
        ('[[operations]]\nkind = "member_remova"\n', "did you mean member_removal?"),
        ('[[faults]]\nkind = "zzz"\n', "'raidstorm list faults' shows all of them"),
        (
            '[[faults]]\nkind = "disk_pull"\nanchor = "second_rebuild"\n',
            "faults[0].anchor = 'second_rebuild' is unknown; did you mean rebuild?",
        ),
        ('[[faults]]\nkind = "disk_pull"\nanchor = "zzz"\n', "anchor is one of run, rebuild"),
        ("reactor = 2\n", "did you mean reactors?"),
        ('[[faults]]\nkind = "disk_pull"\nlastin = 2\n', "did you mean lasting?"),
        ("[reach]\nconects = 1\n", "did you mean connects?"),
        ('[reach]\n"rebuild.runing" = 1\n', "did you mean rebuild.running?"),
        ('[reach]\n"rebuild.running x disk_pul" = 1\n', "mean rebuild.running x disk_pull?"),
        ("[reach]\nconnects = 0\n", "reach connects = 0 must be at least 1"),
        ('strategies = ["rondom"]\n', "did you mean random?"),
        ('[[facets]]\nexperiment = "baseline"\nseeds = 1\ndriver = "sin"\n', "did you mean sim?"),
        ('[[facets]]\nexperiment = "baseline"\nsed = 1\n', "did you mean seeds?"),
    ],
)
def test_mistake_in_a_file_is_answered_with_what_it_may_mean(tmp_path, text, sentence):
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\n{text}')
    done = inside("validate", str(path))
    assert done.returncode == 2
    assert sentence in done.stdout
    # A list of other names would not help.
    assert "target_kill" not in done.stdout


def test_mistake_in_a_python_file_is_answered_with_what_it_may_mean(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        'from chaos.experiment import Experiment\nX = Experiment(name="x", reactor=2)\n'
    )
    assert "'reactor'; did you mean reactors?" in inside("validate", str(path)).stdout
    path.write_text('from chaos.experiment import Experiment\nMINE = Experiment(name="x")\n')
    assert "did you mean MINE?" in inside("run", f"{path}:MIND").stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "baseline", "--seeds", "1e9"], "'1e9' is not a whole number from 1 on"),
        (["run", "baseline", "--jobs", "257"], "257 is not a whole number from 1 to 256"),
        (["run", "baseline", "--jobs", "-1"], "-1 is not a whole number from 1 to 256"),
        (["repro", "nowhere", "--runs", "many"], "'many' is not a whole number from 1 to 1000000"),
        (["state", "baseline:1", "--at", "-1"], "-1 is not a whole number from 0 on"),
    ],
    ids=" ".join,
)
def test_number_that_is_none_gets_a_sentence(arguments, sentence):
    done = inside(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
