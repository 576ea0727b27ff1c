"""A suite's report on the failure that it had to catch."""

import re
from pathlib import Path

import pytest

from chaos.campaigns.suite import Facet, Suite
from chaos.cli.parameters import Catalog
from chaos.store.capsule import read_capsule
from experiments.catalog import EXPERIMENTS
from experiments.suites import SUITES
from tests.inside import inside
from tests.support import SEED_DEFECT

CLEAN = Facet(experiment="baseline", driver="sim", seeds=2)
CANARY = Facet(
    experiment="connect-during-rebuild",
    driver="sim",
    seeds=20,
    defects=(SEED_DEFECT,),
    stop_on_first=True,
    expect_code=5,
)
BLIND = Facet(experiment="baseline", driver="sim", seeds=2, expect_code=5)


def run_suite(out: Path, *facets: Facet):
    """Output and exit code of a suite of these parts."""
    catalog = Catalog(EXPERIMENTS, {"tiny": Suite(name="tiny", facets=facets)})
    done = inside("run", "tiny", "--out", str(out), catalog=catalog)
    return done.stdout, done.returncode


def test_suite_ends_with_its_canary_shrunk_and_where_to_look_at_it(tmp_path):
    output, code = run_suite(tmp_path / "runs", CLEAN, CANARY)
    assert code == 0
    _, total, rest = output.partition("PASS  2 of 2 as expected")
    assert total
    end = rest.splitlines()[1:]
    shrunk = re.search(r"shrunk from (\d+) to (\d+) steps", end[1])
    assert shrunk is not None
    assert int(shrunk[2]) < int(shrunk[1])
    assert "module_channel != NULL" in end[-3]
    replayed, timelines = end[-2], end[-1]
    (folder,) = (tmp_path / "runs" / "connect-during-rebuild").iterdir()
    assert replayed.endswith(f" replay {folder}/minimal.json")
    assert timelines.startswith(f"timeline: {folder}/timeline.html")
    for name in ("timeline.html", "minimal.html", "minimal.log"):
        assert (folder / name).stat().st_size > 0
    capsule = read_capsule(folder / "minimal.json")
    assert len(capsule.schedule) < len(read_capsule(folder / "capsule.json").schedule)


@pytest.mark.parametrize(("part", "code"), [(BLIND, 7), (CLEAN, 0)])
def test_nothing_is_told_of_a_canary_that_was_not_caught(tmp_path, part, code):
    output, exit_code = run_suite(tmp_path / "runs", CLEAN, part)
    assert exit_code == code
    assert "shrunk" not in output


def test_smoke_which_make_chaos_runs_has_a_canary():
    assert [facet.expect_code for facet in SUITES["smoke"].facets].count(5) == 1
