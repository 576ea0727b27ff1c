"""Checks of the code base: format, lint, types, layers, English, and text that must never be in it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.english import docstrings_without_verb, words_in
from tests.support import ROOT

BIN = Path(sys.executable).parent
LINES_MAX = 400
NAMED_FILE = re.compile(r"\b(?:chaos|workers|tests|experiments|benchmarks)/[\w/]+\.(?:py|html)\b")
FOREVER_OUT = re.compile(r"/(home|root|work|Users)/[a-z]")


def tracked(pattern: str) -> list[Path]:
    """Return the files under version control, or all of them where there is none."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode == 0:
        return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).exists()]
    return [path for path in ROOT.glob(pattern) if ".venv" not in path.parts]


@pytest.mark.parametrize(
    "command",
    [["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"], ["lint-imports"]],
    ids=lambda command: " ".join(command),
)
def test_tool_has_nothing_to_say(command):
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_stay_small():
    for path in tracked("*.py"):
        lines = len(path.read_text().splitlines())
        assert lines <= LINES_MAX, f"{path} has {lines} lines; cut it"


def test_no_path_of_a_machine_is_in_the_tree():
    for pattern in ("*.py", "*.md", "*.toml", "*.txt", "Makefile"):
        for path in tracked(pattern):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                assert not FOREVER_OUT.search(line) or "FOREVER_OUT" in line, f"{path}:{number}"


def test_nothing_in_the_tree_leads_out_of_it():
    """Find symbolic links, whose targets are paths of one machine."""
    assert [path for path in tracked("*") if path.is_symlink()] == []


def test_every_module_says_what_it_is():
    for folder in ("workers", "chaos", "experiments"):
        for path in (ROOT / folder).rglob("*.py"):
            assert path.read_text().startswith('"""'), f"{path} has no docstring"


def test_tests_that_start_reactors_are_marked():
    """Require the marker, since two of them at once would see each other's reactors."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        starts_reactors = path.parent.name == "processes" or "Processes(Limits" in text
        assert not starts_reactors or "pytest.mark.processes" in text, path


def test_prose_is_plain_english():
    found = [
        word
        for pattern in ("*.py", "*.md", "*.html")
        for path in tracked(pattern)
        if path.name != "english.py"
        for word in words_in(path)
    ]
    assert not found, "\n".join(found)


def test_docstrings_of_functions_begin_with_a_verb():
    found = [line for path in tracked("*.py") for line in docstrings_without_verb(path)]
    assert not found, "\n".join(found)


def test_files_that_pages_name_are_there():
    for path in tracked("*.md"):
        for name in NAMED_FILE.findall(path.read_text()):
            assert (ROOT / name).exists(), f"{path} names {name}, which isn't there"


def test_engine_has_no_place_made_for_a_defect():
    ids = [path.stem for path in (ROOT / "workers" / "defects").glob("*.py")]
    for path in (ROOT / "workers").rglob("*.py"):
        if path.parent.name == "defects":
            continue
        text = path.read_text()
        for name in ids:
            if name not in ("__init__", "loader"):
                assert name not in text
                assert name.replace("_", "-") not in text


def test_ablation_table_is_there():
    text = (ROOT / "docs" / "internals" / "search.md").read_text()
    between = text.partition("<!-- ablation: begin -->")[2].partition("<!-- ablation: end -->")[0]
    assert "| --- |" in between
