"""``raidstorm suite``: exit codes, summary.json, JUnit, parts of a suite, running again, and Ctrl-C."""

import json
import re
import signal
import subprocess
from pathlib import Path
from unittest.mock import patch

import pytest
import xmlschema
from junitparser import Error, Failure, JUnitXml, Skipped

from chaos.campaigns.suite import Facet, Suite
from chaos.campaigns.summary import write_summary
from chaos.cli.parameters import Catalog
from chaos.store.store import Store, StoreError
from experiments.catalog import EXPERIMENTS
from tests.inside import inside
from tests.support import (
    PROGRAM,
    ROOT,
    SEED_DEFECT,
    leftovers,
    popen,
    processes,
    raidstorm,
    wait_for,
)

SCHEMA = xmlschema.XMLSchema(ROOT / "tests" / "junit.xsd")
CLEAN = Facet(name="clean", experiment="baseline", seeds=2)
RED = Facet(
    name="red",
    experiment="connect-during-rebuild",
    first_seed=3,
    seeds=4,
    defects=(SEED_DEFECT,),
)
SUITE_FILE = """
[[facets]]
name = "red"
experiment = "connect-during-rebuild"
first_seed = 3
seeds = 2
defects = ["{defect}"]
"""


def suite(*facets: Facet, **fields) -> Suite:
    return Suite(name="tiny", facets=facets, **fields)


def run(value: Suite, folder: Path, *options: str):
    """Exit code, summary and JUnit of a suite that is run in this process."""
    junit = folder.with_suffix(".xml")
    catalog = Catalog(EXPERIMENTS, {"tiny": value})
    done = inside(
        "suite", "tiny", "--out", str(folder), "--junit", str(junit), *options, catalog=catalog
    )
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["exit_code"] == done.returncode
    return done, summary, read_junit(junit)


def read_junit(path: Path) -> dict:
    """Facet by name, from a file that schema and parser accept."""
    SCHEMA.validate(path)
    document = JUnitXml.fromfile(str(path))
    facets = {}
    for one in document:
        (case,) = one
        facets[case.name] = {
            "result": case.result,
            "properties": {each.name: each.value for each in one.properties()},
            "classname": case.classname,
            "time": case.time,
        }
    assert document.tests == len(facets)
    kinds = [type(result) for facet in facets.values() for result in facet["result"]]
    assert document.failures == kinds.count(Failure)
    assert document.errors == kinds.count(Error)
    return facets


def states(summary: dict) -> dict[str, str]:
    return {facet["name"]: facet["state"] for facet in summary["facets"]}


def test_suite_with_a_defect_on_fails_and_its_replay_line_works_when_pasted(tmp_path):
    text = 'name = "mine"\ndescription = "one that fails"\n' + SUITE_FILE.format(defect=SEED_DEFECT)
    (tmp_path / "mine.toml").write_text(text + '\n[[facets]]\nexperiment = "baseline"\nseeds = 3\n')
    out, junit = tmp_path / "out", tmp_path / "junit.xml"
    done = raidstorm("suite", str(tmp_path / "mine.toml"), "--out", str(out), "--junit", str(junit))
    assert done.returncode == 5, done.stdout + done.stderr
    assert re.search(r"\nFAIL  1 of 2 as expected  [0-9.]+ s   CRASHED   suite mine\n", done.stdout)
    assert re.match(
        r"FAIL  red           sim  2 runs +[0-9.]+ s   1 CRASHED: crash/AssertionError/\S+, with ",
        done.stdout,
    )
    facets = read_junit(junit)
    assert list(facets) == ["red", "baseline-sim"]
    assert facets["baseline-sim"]["result"] == []
    (failure,) = facets["red"]["result"]
    assert isinstance(failure, Failure)
    assert failure.type == "CRASHED"
    assert "module_channel != NULL" in failure.message
    facts = facets["red"]["properties"]
    assert facts["driver"] == "sim"
    assert facts["seeds"] == "3..4"
    assert facts["exit_code"] == "5"
    assert facts["signature"].startswith("crash/AssertionError/")
    assert Path(facts["run_dir"], "capsule.json").exists()
    assert f"replay: {facts['replay']}" in failure.text
    assert "the rebuild of slot 0" in failure.text
    pasted = subprocess.run(
        ["/bin/sh", "-c", facts["replay"]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert pasted.returncode == 5, pasted.stdout + pasted.stderr
    assert "the fingerprint is the recorded one" in pasted.stdout


def test_summary_says_what_came_of_each_facet(tmp_path):
    _, summary, _ = run(suite(CLEAN, RED), tmp_path / "out")
    assert (summary["suite"], summary["finished"], summary["exit_code"]) == ("tiny", True, 5)
    assert (summary["passed"], summary["failed"], summary["not_run"]) == (1, 1, 0)
    clean, red = summary["facets"]
    assert (clean["state"], clean["runs"], clean["valid"]) == ("passed", 2, 2)
    assert (red["state"], red["code"], red["exit_code"], red["runs"]) == ("failed", 5, 5, 4)
    assert red["crashed"] == len(red["failures"]) > 0
    for failure in red["failures"]:
        assert Path(failure["run_dir"], "capsule.json").exists()
        assert failure["run_dir"] in failure["replay"]
    assert not (tmp_path / "out" / "summary.tmp").exists()


@pytest.mark.parametrize("whose", ["facet", "suite"])
def test_gate_that_was_not_reached_exits_with_7_and_is_named(tmp_path, whose):
    gates = {"target_kills": 1, "connects": 1}
    facet = Facet(
        name="clean", experiment="baseline", seeds=2, reach=gates if whose == "facet" else {}
    )
    value = suite(facet, reach=gates if whose == "suite" else {})
    done, summary, facets = run(value, tmp_path / "out")
    assert done.returncode == 7
    assert "target_kills: 0 of 1" in done.stdout
    assert "connects: " not in done.stdout.partition("not reached")[2].partition("\n")[0]
    where = summary if whose == "suite" else summary["facets"][0]
    assert where["missing"] == ["target_kills: 0 of 1"]
    (failure,) = facets["clean" if whose == "facet" else "gates of the whole suite"]["result"]
    assert isinstance(failure, Failure)
    assert failure.type == "NOT EXERCISED"
    assert "target_kills: 0 of 1" in failure.message
    # A facet that missed its gate can be run again; no facet has missed the suite's.
    assert ("--rerun" in done.stdout) == (whose == "facet")
    assert ("raise the facets' seeds, or lower the gate" in done.stdout) == (whose == "suite")
    total = "1 of 1 facet as expected, 1 gate of the suite not reached"
    assert (f"FAIL  {total}  " in done.stdout) == (whose == "suite")


def test_run_counts_the_gates_that_a_suite_has_missed(tmp_path):
    other = Facet(name="other", experiment="baseline", seeds=1)
    catalog = Catalog(EXPERIMENTS, {"tiny": suite(CLEAN, other, reach={"target_kills": 1})})
    done = inside("run", "tiny", "--out", str(tmp_path), catalog=catalog)
    assert done.returncode == 7
    total = r"\nFAIL  2 of 2 facets as expected, 1 gate of the suite not reached  [\d.]+ s   NOT EX"
    assert re.search(total, done.stdout)


def test_what_a_facet_that_must_fail_has_reached_is_not_the_suites(tmp_path):
    canary = Facet(
        name="canary",
        experiment="connect-during-rebuild",
        first_seed=3,
        seeds=2,
        defects=(SEED_DEFECT,),
        expect_code=5,
    )
    done, summary, _ = run(suite(CLEAN, canary, reach={"rebuilds_started": 1}), tmp_path / "out")
    assert states(summary) == {"clean": "passed", "canary": "passed"}
    assert summary["facets"][1]["reach"]["rebuilds_started"] > 0
    assert done.returncode == 7
    assert summary["missing"] == ["rebuilds_started: 0 of 1"]


def test_canary_that_is_not_caught_is_a_failure(tmp_path):
    blind = Facet(name="blind", experiment="baseline", seeds=2, expect_code=5)
    done, _, facets = run(suite(blind), tmp_path / "out")
    assert done.returncode == 7
    (failure,) = facets["blind"]["result"]
    assert failure.message == "it must end with 5, but there was no failure"


def test_time_that_is_over_before_the_first_run_is_no_pass(tmp_path):
    done, summary, _ = run(suite(Facet(experiment="baseline", seconds=1e-9)), tmp_path / "out")
    assert done.returncode == 7
    assert summary["facets"][0]["why"] == "its time ended before the first run"


def test_parts_are_run_by_themselves_and_gates_of_the_whole_are_not_judged_there(tmp_path):
    facets = [Facet(name=name, experiment="baseline", seeds=1) for name in ("a", "b", "c")]
    value = suite(*facets, reach={"target_kills": 1})
    ran = []
    for part in ("1/2", "2/2"):
        done, summary, _ = run(value, tmp_path / part[0], "--subset", part)
        assert done.returncode == 0
        assert "not judged in a part" in done.stdout
        ran += states(summary)
    assert sorted(ran) == ["a", "b", "c"]
    for part, words in {
        "0/2": "not a part",
        "3/2": "not a part",
        "x": "not a part",
        "1/4": "3 facets",
    }.items():
        done = inside(
            "suite", "tiny", "--subset", part, catalog=Catalog(EXPERIMENTS, {"tiny": value})
        )
        assert done.returncode == 2
        assert words in done.stderr


def test_rerun_runs_only_what_was_not_as_it_must_be_the_failing_seeds_first(tmp_path):
    _, first, _ = run(suite(CLEAN, RED), tmp_path / "a")
    failing = [failure["seed"] for failure in first["facets"][1]["failures"]]
    assert failing
    # Still wrong: the seed that failed shows it, and nothing else is run.
    done, again, facets = run(suite(CLEAN, RED), tmp_path / "b", "--rerun", str(tmp_path / "a"))
    assert done.returncode == 5
    clean, red = again["facets"]
    assert (clean["state"], clean["taken_over_from"]) == ("passed", str(tmp_path / "a"))
    assert red["seeds_run_first"] == failing
    assert red["runs"] == len(failing) < 4
    assert facets["clean"]["time"] == 0
    assert again["seconds"] == red["seconds"] < clean["seconds"] + red["seconds"]
    # Another facet of that name is not the one that failed; what is right is run whole.
    whole = Facet(name="red", experiment="connect-during-rebuild", first_seed=3, seeds=4)
    done, mended, _ = run(suite(CLEAN, whole), tmp_path / "c", "--rerun", str(tmp_path / "b"))
    assert done.returncode == 0
    clean, red = mended["facets"]
    assert clean["taken_over_from"] == str(tmp_path / "a")
    assert (red["runs"], red["valid"], red["seeds_run_first"]) == (4, 4, failing)
    # All is as expected: nothing is left to run but a facet that has changed.
    other = Facet(name="clean", experiment="baseline", seeds=1)
    _, last, _ = run(suite(other, whole), tmp_path / "d", "--rerun", str(tmp_path / "c"))
    assert [facet["taken_over_from"] for facet in last["facets"]] == ["", str(tmp_path / "c")]
    assert last["facets"][0]["runs"] == 1


def test_rerun_of_something_else_is_refused(tmp_path):
    run(suite(CLEAN, Facet(experiment="baseline", seeds=1)), tmp_path / "a", "--subset", "1/2")
    catalog = Catalog(
        EXPERIMENTS, {"tiny": suite(CLEAN), "other": Suite(name="other", facets=(CLEAN,))}
    )
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "summary.json").write_text('{"suite": 3}')
    for name, options, words in [
        ("other", ["--rerun", str(tmp_path / "a")], "that was the suite tiny, and not other"),
        ("tiny", ["--rerun", str(tmp_path / "a"), "--subset", "2/2"], "that was part 1/2"),
        ("tiny", ["--rerun", str(tmp_path)], "can't be read: No such file"),
        ("tiny", ["--rerun", str(broken)], "not a valid suite summary"),
    ]:
        done = inside("suite", name, *options, catalog=catalog, cwd=tmp_path)
        assert done.returncode == 2
        assert words in done.stderr


def test_ctrl_c_ends_a_suite_with_summary_and_junit(tmp_path):
    (tmp_path / "long.toml").write_text(
        'name = "long"\n'
        '[[facets]]\nname = "first"\nexperiment = "baseline"\nseeds = 2\n'
        '[[facets]]\nname = "endless"\nexperiment = "swarm"\nseconds = 3600\n'
        '[[facets]]\nname = "never"\nexperiment = "baseline"\nseeds = 2\n'
    )
    out, junit = tmp_path / "out", tmp_path / "junit.xml"
    command = ["suite", str(tmp_path / "long.toml"), "--out", str(out), "--junit", str(junit)]
    process = popen(
        [*PROGRAM, *command], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )

    def first_facet_is_on_disk() -> bool:
        path = out / "summary.json"
        return path.exists() and states(json.loads(path.read_text()))["first"] == "passed"

    wait_for(first_facet_is_on_disk, "the first facet's summary")
    under_way = json.loads((out / "summary.json").read_text())
    assert (under_way["finished"], under_way["exit_code"]) == (False, None)
    index = out / "index.jsonl"
    wait_for(lambda: '"swarm"' in index.read_text(), "the endless facet's first run")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["exit_code"] == 130
    assert states(summary) == {"first": "passed", "endless": "interrupted", "never": "not run"}
    facets = read_junit(junit)
    assert facets["first"]["result"] == []
    assert isinstance(facets["endless"]["result"][0], Error)
    assert isinstance(facets["never"]["result"][0], Skipped)
    assert processes(process.pid) == {}
    assert leftovers(process.pid) == []


def test_json_is_the_summary(tmp_path):
    done, summary, _ = run(suite(CLEAN), tmp_path / "out", "--format", "json")
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout) == summary


def test_without_out_a_suite_has_a_directory_of_its_own(tmp_path):
    catalog = Catalog(EXPERIMENTS, {"tiny": suite(CLEAN)})
    done = inside("suite", "tiny", catalog=catalog, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs" / "tiny").iterdir()
    assert (tmp_path / "runs" / "latest-suite").resolve() == folder
    assert (folder / "summary.json").exists()
    with patch("chaos.cli.suite.now_stamp", return_value=folder.name):
        assert inside("suite", "tiny", catalog=catalog, cwd=tmp_path).returncode == 0
    assert (tmp_path / "runs" / "tiny" / f"{folder.name}.2" / "summary.json").exists()


def test_junit_that_cannot_be_written_shows_before_the_first_run(tmp_path):
    catalog = Catalog(EXPERIMENTS, {"tiny": suite(CLEAN)})
    path = str(tmp_path / "absent" / "junit.xml")
    done = inside("suite", "tiny", "--out", str(tmp_path / "out"), "--junit", path, catalog=catalog)
    assert done.returncode == 2
    assert "can't be written" in done.stderr
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize("is_red", [True, False])
def test_full_disk_leaves_the_report_of_the_facets_that_ran(tmp_path, monkeypatch, is_red):
    """Let the summary be written only before the first facet, and no run of the second facet."""
    begin = Store.begin
    written = []

    def write(folder, summary):
        written.append(summary)
        if len(written) > 1:
            raise StoreError("summary.json can't be written: No space left on device")
        write_summary(folder, summary)

    def refuse(store, capsule):
        if capsule.experiment.name == "grow":
            raise StoreError("runs/grow can't be written: No space left on device")
        return begin(store, capsule)

    monkeypatch.setattr("chaos.cli.suite.write_summary", write)
    monkeypatch.setattr(Store, "begin", refuse)
    facets = (RED if is_red else CLEAN, Facet(experiment="grow", seeds=2))
    catalog = Catalog(EXPERIMENTS, {"tiny": suite(*facets)})
    done = inside("suite", "tiny", "--out", str(tmp_path / "out"), catalog=catalog)
    assert done.returncode == (5 if is_red else 2)
    sentence = "can't be written: No space left on device"
    assert re.search(rf"FAIL  grow-sim .*stopped at seed 0: runs/grow {sentence}", done.stdout)
    assert ("replay: " in done.stdout) == is_red
    assert done.stderr == f"raidstorm: summary.json {sentence}\n"
