"""The documentation's commands and files are right: its pages are run."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from chaos.campaigns.suite import Facet, Suite
from chaos.cli import program
from chaos.cli.parameters import Catalog
from experiments.catalog import EXPERIMENTS
from tests.documentation import FENCE, Page, compare
from tests.inside import CATALOG, inside

FACETS = tuple(Facet(experiment=name, seeds=1) for name in ("baseline", "grow", "bad-blocks"))
# Suites of the usual names, with the least in them.
SMALL = Catalog(
    EXPERIMENTS, {name: Suite(name=name, facets=FACETS) for name in ("smoke", "nightly")}
)
REFUSES = """
from workers.raid import array
class Refuses(array.RaidChannel):
    def create(self):
        raise AssertionError("no channel today")
"""


def test_output_that_the_readme_shows_is_what_comes(tmp_path):
    page = Page("../README.md", tmp_path)
    page.play_commands()
    assert any("raidstorm run" in one for one in page.commands)
    # A command whose output is in another kind of block would never be run.
    shown = [body for kind, body in FENCE.findall(page.text) if kind != "console"]
    assert not [body for body in shown if re.search(r"^(PASS|FAIL)  ", body, re.M)]


def test_page_of_commands_names_every_command_and_no_other(tmp_path):
    shown = re.findall(r"^raidstorm ([a-z-]+)", Page("commands.md", tmp_path).text, re.M)
    assert sorted({*shown}) == sorted(program.commands)


def test_tutorial_can_be_followed(tmp_path):
    page = Page("tutorial.md", tmp_path)
    page.play()
    assert len(page.commands) >= 12
    assert {path.name for path in tmp_path.iterdir()} >= {"mirror.py", "first_only.py", "clone"}


def test_failure_can_be_read_and_kept_as_its_page_says(tmp_path):
    page = Page("reading-a-failure.md", tmp_path)
    page.play()
    for command in ("run", "replay", "repro", "shrink", "adopt", "regress"):
        assert any(f"raidstorm {command}" in one for one in page.commands), command
    # The page lists the files in the directory.
    (folder,) = (tmp_path / "runs" / "connect-during-rebuild").iterdir()
    assert (folder / "minimal.html").exists()
    assert unnamed(page, folder) == []
    assert unnamed(page, tmp_path / "runs") == ["connect-during-rebuild"]


def test_files_of_a_free_run_are_on_the_page_too(tmp_path):
    (tmp_path / "refuses.py").write_text(REFUSES)
    options = ("--driver", "realtime", "--seed", "1", "--defect", str(tmp_path / "refuses.py"))
    done = inside("run", "baseline", *options, "--out", str(tmp_path / "runs"))
    assert done.returncode == 5
    (folder,) = (tmp_path / "runs" / "baseline").iterdir()
    page = Page("reading-a-failure.md", tmp_path)
    assert unnamed(page, folder) == []
    files = unnamed(page, folder / "workers")
    assert all(name.startswith("reactor-") for name in files)
    assert "`reactor-0.jsonl`" in page.text
    assert (folder / "workers" / "history.jsonl").exists()


def test_suites_are_as_their_page_says(tmp_path):
    page = Page("suites.md", tmp_path)
    page.play()
    assert sum("raidstorm suite" in one for one in page.commands) >= 4


def test_soak_is_as_its_page_says(tmp_path):
    page = Page("soak.md", tmp_path)
    page.play()
    (folder,) = {path.resolve() for path in (tmp_path / "runs" / "soak").iterdir()}
    assert unnamed(page, folder) == []
    # Results that this run did not have are shown beside the compared ones.
    assert {path.name for path in folder.iterdir()} >= {"soak.html", "soak.json", "chunks.jsonl"}


def test_ci_page_can_be_followed(tmp_path):
    page = Page("ci.md", tmp_path)
    page.play()
    assert sum("pytest" in one for one in page.commands) >= 3
    assert any("raidstorm adopt" in one for one in page.commands)


def test_workflow_of_the_ci_page_runs_and_keeps_what_failed(tmp_path):
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", Page("ci.md", tmp_path).text, re.M | re.S)
    workflow = yaml.safe_load(text)
    assert set(workflow[True]) == {"pull_request", "schedule"}  # "on" is a truth value in YAML
    seen = []
    for job in workflow["jobs"].values():
        steps = job["steps"]
        assert all(("run" in step) != ("uses" in step) for step in steps)
        kept = steps[-1]
        assert kept["if"] == "failure()"
        assert kept["with"]["path"].splitlines() == ["runs/", "./*.xml", "!runs/**/latest*"]
        commands = "\n".join(step.get("run", "") for step in steps)
        for line in re.sub(r"\$\{\{ [\w.]+ \}\}", "1", commands).splitlines():
            words = shlex.split(line)
            if words[:1] == ["raidstorm"]:
                seen.append(words[1])
                parses(words)
            if words[:2] == ["raidstorm", "suite"]:
                done = inside(*words[1:], cwd=tmp_path, catalog=SMALL)
                assert done.returncode == 0, done
    assert seen == ["regress", "suite", "suite", "run"]
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "smoke.xml", "nightly.xml"}


def parses(words: list[str]) -> None:
    """Return whether the command line would take it; raise click's exception where not."""
    command = program.commands[words[1]]
    context = command.make_context(words[1], words[2:], obj=CATALOG)
    for name in (context.params.get("name"), *context.params.get("names", ())):
        assert name is None or name in {**CATALOG.suites, **CATALOG.experiments}


def test_command_that_isn_t_there_is_noticed():
    for line in ("suite smoke --junits x", "suite smoke --subset 4/3", "run swarm --seeds many"):
        with pytest.raises(click.UsageError):
            parses(["raidstorm", *line.split()])
    with pytest.raises(KeyError):
        parses(["raidstorm", "sweet", "smoke"])


def unnamed(page: Page, folder: Path) -> list[str]:
    """Return the files there that the page doesn't name."""
    names = sorted(
        path.name + "/" * (path.is_dir() and not path.is_symlink()) for path in folder.iterdir()
    )
    return [
        name.strip("/")
        for name in names
        if f"`{name}`" not in page.text and f"`runs/{name}`" not in page.text
    ]


def test_output_that_no_longer_comes_is_noticed():
    compare("command", ["one ... three", "five"], "one two three\nfour\nfive\n")
    for shown in (["one two"], ["five", "four"], ["six"]):
        with pytest.raises(AssertionError, match="doesn't say"):
            compare("command", shown, "one two three\nfour\nfive\n")
