"""``--known`` and ``raidstorm known``: failures that are neither red nor green, and the files that know them."""

import json

import pytest

from tests.inside import inside, run_inside
from tests.support import SEED_DEFECT

TITLE, LINK = "no module context", "https://example.org/3343"
RED = ("connect-during-rebuild", "--seed", "1", "--seeds", "12", "--defect", SEED_DEFECT)
SUITE = f"""
name = "tiny"
[[facets]]
name = "red"
experiment = "connect-during-rebuild"
first_seed = 1
seeds = 12
defects = ["{SEED_DEFECT}"]
"""


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.toml"
    path.write_text(f'[[known]]\nsignature = "crash/*"\ntitle = "{TITLE}"\nlink = "{LINK}"\n')
    return str(path)


def test_campaign_with_known_failures_passes_and_says_so(tmp_path, known):
    out = str(tmp_path / "runs")
    done = inside("run", *RED, "-x", "--known", known, "--out", out)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("PASS  connect-during-rebuild  sim  12 runs ")
    number = int(line.partition(" known failures (1 kind); ")[0].split()[-1])
    assert 1 < number < 12
    assert "not caught" not in line
    (shown,) = [
        line
        for line in inside("run", *RED, "--known", known, "--out", out, "-v").stdout.splitlines()
        if line.startswith("  known")
    ]
    before, place = shown.rsplit(maxsplit=1)
    assert before.split() == ["known", str(number), *TITLE.split(), LINK]
    assert inside("check", place).returncode == 5
    report = run_inside(*RED, "--known", known, out=tmp_path / "json")
    assert (report["exit_code"], report["known"]) == (0, {TITLE: number})
    assert report["failures"] == []


def test_failure_that_no_entry_knows_is_red_beside_those_that_one_knows(tmp_path, known):
    out = str(tmp_path / "runs")
    assert inside("run", *RED, "--out", out).returncode == 5
    other = tmp_path / "other.toml"
    other.write_text('[[known]]\nsignature = "crash"\ntitle = "a part of it"\n')
    assert inside("run", *RED, "--known", str(other), "--out", out).returncode == 5
    done = inside("run", *RED, "--known", str(other), "--known", known, "--out", out)
    assert done.returncode == 0


@pytest.mark.parametrize("command", [("run", "baseline"), ("suite", "smoke"), ("soak", "smoke")])
def test_mistake_in_a_file_of_known_failures_ends_a_command_before_its_first_run(tmp_path, command):
    path = tmp_path / "known.toml"
    path.write_text('[[known]]\nsignature = "a"\n')
    out = tmp_path / "runs"
    done = inside(*command, "--known", str(path), "--out", str(out))
    assert done.returncode == 2
    assert done.stderr.strip() == f"{path}:1: known[0]: the field 'title' is missing"
    assert not out.exists()


def test_suite_with_known_failures_passes_and_its_summary_has_them(tmp_path, known):
    path, out = tmp_path / "tiny.toml", tmp_path / "out"
    path.write_text(SUITE)
    assert inside("suite", str(path), "--out", str(out)).returncode == 5
    done = inside("suite", str(path), "--known", known, "--out", str(out), "--rerun", str(out))
    assert done.returncode == 0, done.stdout
    assert " known failures (1 kind); " in done.stdout
    (facet,) = json.loads((out / "summary.json").read_text())["facets"]
    assert facet["state"] == "passed"
    assert list(facet["known"]) == [TITLE]
    assert facet["failures"] == []
