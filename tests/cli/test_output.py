"""The output of campaigns: a line when green, the main facts when red, details on demand, the verdict alone."""

import re

import pytest

from chaos.campaigns.campaign import Failure, Report
from chaos.campaigns.suite import Facet, Suite
from chaos.campaigns.suite_run import FacetOutcome
from chaos.cli.parameters import Catalog
from chaos.cli.result_failures import SEEDS_SHOWN_MAX, SHOWN_FAILURES_MAX, failure_lines
from chaos.cli.result_rows import Widths, highlights, row
from experiments.catalog import EXPERIMENTS
from tests.inside import inside
from tests.support import SEED_DEFECT

SIGNATURE = "crash/AssertionError/raid/raid1.py:module_context"
RED = ("--seeds", "10", "--defect", SEED_DEFECT)
REACH = {"rebuilds_started": 1_397, "target_kills": 80, "power_losses": 8}
REACH |= {"rebuild.running x target_kill": 3, "rebuild.running": 4, "connects": 1}


def outcome(**fields) -> FacetOutcome:
    known = {
        "name": "x",
        "facet": Facet(experiment="x", seeds=1),
        "definition": "",
        "state": "passed",
    }
    return FacetOutcome(**{**known, **fields})


def failure(seed: int, signature: str) -> Failure:
    return Failure(
        "x", "sim", seed, 5, "crash", "it crashed", signature, "f", "d", "replay it", ["so"]
    )


def test_green_is_one_line(tmp_path):
    done = inside("run", "swarm", "--seeds", "2", "--out", str(tmp_path))
    assert done.stderr == ""
    assert re.fullmatch(
        r"PASS  swarm  sim  2 runs  +[\d.]+ s   \d+ rebuilds?, .* of \d+ state × fault pairs; \d+ of \d+ planned things never came"
        r"; too few runs to judge its gates\n",
        done.stdout,
    )


def test_line_names_what_the_runs_have_been_through():
    assert (
        highlights(REACH)
        == "1,397 rebuilds, 88 kills and power losses, 1 of 336 state × fault pairs"
    )
    assert highlights({"connects": 1, "reads": 3}) == "1 connect, 3 reads and writes"
    assert highlights({"target_kills": 1, "disks_pulled": 1}).startswith(
        "1 kill or power loss, 1 disk failed or pulled"
    )
    assert highlights({}) == "0 reads and writes"


def test_lines_of_a_suite_are_aligned():
    widths = Widths(12, 8, 5)
    lines = [
        row(outcome(runs=1, seconds=1.0), "x", widths),
        row(outcome(runs=1_000, seconds=100.0), "longer", widths),
        row(outcome(state="failed", runs=2, crashed=2, failures=[failure(1, "s")]), "y", widths),
    ]
    assert len({line.index(" s   ") for line in lines}) == 1
    assert len({line.index("sim") for line in lines}) == 1
    assert lines[2].startswith("FAIL")
    assert lines[2].endswith("2 CRASHED: s")


def test_failures_come_last_each_with_seeds_story_and_a_line_to_paste(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine"\n')
    names = ("connect-during-rebuild", str(tmp_path / "mine.toml"))
    done = inside("run", *names, *RED, "--out", str(tmp_path / "runs"))
    assert done.returncode == 5
    lines = done.stdout.splitlines()
    assert [line[:4] for line in lines[:3]] == ["FAIL", "PASS", "FAIL"]
    assert f"2 CRASHED: {SIGNATURE}, with {SEED_DEFECT}" in lines[0]
    assert lines[4] == f"CRASHED in 2 of 10 runs of connect-during-rebuild, sim: {SIGNATURE}"
    assert lines[5].startswith("  seed 4: reactor 1 crashed")
    assert lines[6] == "  also seed 9"
    assert lines[-2].startswith("    step 275: Op 28 continues")
    assert lines[-1].startswith("  replay: ")


def test_many_failures_are_counted_and_not_listed():
    groups = [failure(seed, f"signature {seed % 5}") for seed in range(100)]
    one = outcome(state="failed", runs=200, failures=groups, failures_left_out=1)
    lines = [line for line, _ in failure_lines(one)]
    heads = [line for line in lines if line.startswith("CRASHED in at least 20 of 200 runs")]
    assert len(heads) == SHOWN_FAILURES_MAX
    assert lines[-1] == "and 2 more signatures of x; see index.jsonl"
    seeds = next(line for line in lines if "also seeds" in line)
    assert seeds.count(",") == SEEDS_SHOWN_MAX - 1
    assert list(failure_lines(outcome(failures=groups))) == []


def test_details_are_printed_on_demand_and_the_verdict_alone(tmp_path):
    options = ("--seeds", "2", "--out", str(tmp_path))
    verbose = inside("run", "swarm", *options, "-v").stdout.splitlines()
    assert verbose[0].startswith("PASS  swarm")
    labels = [line[2:12].strip() for line in verbose[1:] if line[2:12].strip()]
    assert labels[:4] == ["seeds", "verdicts", "happened", "states"]
    happened = verbose[verbose.index(next(line for line in verbose if "happened" in line)) :]
    # The columns of a block are aligned: names begin at the same places in its full lines.
    block = [
        line[12:] for line in happened[: next(i for i, x in enumerate(happened) if "states" in x)]
    ]
    places = [[found.start(1) for found in re.finditer(r"\d ([a-z])", line)] for line in block]
    assert len({tuple(one[:2]) for one in places if len(one) > 1}) == 1
    quiet = inside("run", "swarm", *options, "-q").stdout
    assert re.fullmatch(r"PASS  swarm  sim  2 runs  +[\d.]+ s\n", quiet)
    quiet = inside("run", "baseline", "connect-during-rebuild", *RED, "--out", str(tmp_path), "-q")
    assert re.fullmatch(r"FAIL  1 of 2 as expected  [\d.]+ s   CRASHED\n", quiet.stdout)


@pytest.mark.parametrize("command", ["run", "suite"])
def test_suite_that_is_green_fits_on_a_screen_and_ends_with_its_canary(tmp_path, command):
    clean = tuple(Facet(experiment=name, seeds=1) for name in ("baseline", "grow", "bad-blocks"))
    canary = Facet(
        experiment="connect-during-rebuild",
        first_seed=4,
        seeds=1,
        defects=(SEED_DEFECT,),
        expect_code=5,
    )
    catalog = Catalog(EXPERIMENTS, {"tiny": Suite(name="tiny", facets=(*clean, canary))})
    done = inside(command, "tiny", "--out", str(tmp_path), catalog=catalog)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    # 'make chaos' has five more rows.
    assert len(lines) + 5 <= 45
    assert [line[:4] for line in lines[:5]] == ["PASS"] * 5
    assert "CRASHED as expected" in lines[3]
    assert lines[4].startswith("PASS  4 of 4 as expected")
    assert lines[-2].startswith("replay: ")
    assert lines[-1].startswith("timeline: ")


def test_interrupted_campaign_is_no_pass():
    line = row(outcome(state="interrupted", runs=3, facet=Facet(seeds=9)), "x", Widths(1, 3, 1))
    assert line.startswith("STOP")
    assert line.endswith("interrupted")
    assert Report("x", "sim", 0).interrupted is False


def test_defect_that_no_run_has_caught_is_named_so():
    facet = Facet(experiment="x", seeds=1, defects=(SEED_DEFECT,))
    line = row(outcome(runs=1, facet=facet), "x", Widths(1, 3, 1))
    assert line.startswith("PASS")
    assert line.endswith(f", with {SEED_DEFECT}; not caught")
    caught = outcome(state="failed", runs=1, crashed=1, facet=facet, failures=[failure(0, "s")])
    assert row(caught, "x", Widths(1, 3, 1)).endswith(f"s, with {SEED_DEFECT}")
    assert row(outcome(runs=1), "x", Widths(1, 3, 1)).endswith("reads and writes")


@pytest.mark.parametrize("flags", [("-q", "-v"), ("-v", "-q"), ("-qv",)])
def test_quiet_and_verbose_together_are_refused(tmp_path, flags):
    done = inside("run", "baseline", "--seeds", "1", "--out", str(tmp_path / "runs"), *flags)
    assert done.returncode == 2
    assert "-q and -v exclude each other" in done.stderr
    assert not (tmp_path / "runs").exists()
