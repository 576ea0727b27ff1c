"""The command line: bad input is one clear sentence and code 2; good output matches its description."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.plan.reach_vocabulary import REACH_NAMES
from tests.inside import inside, run_inside
from tests.support import ROOT, SEED_DEFECT, run_json, run_refused

EXPERIMENT_OF_WRONG_TYPE = (
    "from chaos.experiment import Experiment\nX = Experiment(name='x', reactors='q')\n"
)
NOBODY = 65534
SAME_METHOD = """
from workers.raid import array
class Other(array.RaidChannel):
    def create(self):
        return True
"""


def assert_refused(done, *words: str) -> None:
    """Code 2, one sentence with these words, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], ["there is no experiment or suite 'nothing'"]),
        (["baseline", "nothing"], ["there is no experiment or suite 'nothing'"]),
        (["baseline", "--seed", "-1"], ["-1 is not a seed"]),
        (["baseline", "--seed", "x"], ["'x' is not a seed"]),
        (["baseline", "--seed", "1.5"], ["'1.5' is not a seed"]),
        (["baseline", "--seed", str(2**64)], ["is not a seed"]),
        (["baseline", "--seeds", "0"], ["--seeds", "0"]),
        (["baseline", "--seeds", "1e3"], ["from 1 on, such as 1000"]),
        (["baseline", "--seeds", "1.5"], ["from 1 on, such as 1\n"]),
        (["baseline", "--jobs", "1e3"], ["such as 1\n"]),
        (
            ["baseline:3"],
            ["run takes no NAME:SEED; use 'run baseline --seed 3' or 'replay baseline:3'"],
        ),
        (["baseline", "--jobs", "0"], ["--jobs", "0"]),
        (["baseline", "--for", "soon"], ["'soon' is not a duration"]),
        (["baseline", "--for", "-3s"], ["'-3s' is not a duration"]),
        (["baseline", "--for", "nan"], ["'nan' is not a duration"]),
        (["baseline", "--driver", "dream"], ["--driver", "dream"]),
        (["baseline", "--defect", "nothing"], ["there is no defect 'nothing'"]),
        (["baseline", "--defect", "absent.py"], ["absent.py can't be read"]),
        (["absent.toml"], ["absent.toml can't be read"]),
        (["absent.py"], ["absent.py can't be read"]),
        (["no_such_module:X"], ["module no_such_module can't be imported"]),
        ([], ["Missing argument"]),
    ],
)
def test_bad_arguments_of_run(tmp_path, arguments, words):
    assert_refused(run_refused("run", *arguments, "--out", str(tmp_path / "runs")), *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mine.toml", 'name = "x"\ncolour = 3\n', ["unknown field 'colour'"]),
        ("mine.toml", "name = ", ["mine.toml: this is not TOML: Invalid value (at end"]),
        ("mine.toml", 'name = "x"\nreactors = [1, 99]\n', ["reactors", "[1, 8]"]),
        (
            "mine.toml",
            'name = "x"\nchecks = ["nowhere:f"]\n',
            ["check nowhere:f can't be imported"],
        ),
        ("mine.toml", 'name = "../x"\n', ["name"]),
        (
            "mine.toml",
            'name = "x"\n[[faults]]\nkind = "bit_rot"\ncount = 1.5\n',
            ["mine.toml:4: faults[0].count = 1.5 is a float; write a whole number or [low, high]"],
        ),
        ("mine.toml", 'name = "x"\nhosts = -1\n', ["mine.toml:2: hosts = -1 must lie within"]),
        ("mine.py", "def broken(:\n", ["syntax error in line 1"]),
        ("mine.py", "1 / 0\n", ["ZeroDivisionError"]),
        ("mine.py", "x = 1\n", ["mine.py defines no experiment and no suite"]),
        ("mine.py", "raise SystemExit(0)\n", ["can't be run"]),
        ("mine.py", EXPERIMENT_OF_WRONG_TYPE, ["is not valid", "reactors"]),
        ("mine.toml", 'name = "x"\nreactors = [3, 2]\n', ["low bound above its high one"]),
        ("mine.toml", 'name = "x"\n[reach]\nconects = 1\n', ["reach conects", "connects"]),
    ],
)
def test_bad_experiment_files(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    assert_refused(run_refused("run", str(path), "--out", str(tmp_path / "runs")), *words)


@pytest.mark.parametrize(
    "options", [["--seeds", "5"], ["--driver", "sim"], ["-x"], ["--for", "3s"]]
)
def test_option_that_a_suite_would_ignore_is_refused(tmp_path, options):
    done = run_refused("run", "smoke", *options, "--out", str(tmp_path / "runs"))
    assert_refused(done, "smoke is a suite and brings its own", options[0])


def test_exit_inside_the_engine_is_a_crash_and_not_an_exit(tmp_path):
    defect = tmp_path / "leaves.py"
    defect.write_text(SAME_METHOD.replace("return True", "raise SystemExit(0)"))
    report = run_inside("baseline", "--seed", "1", "--defect", str(defect), out=tmp_path / "runs")
    assert report["exit_code"] == 5


def test_bad_defect_files(tmp_path):
    broken, other = tmp_path / "broken.py", tmp_path / "other.py"
    broken.write_text("class X(:\n")
    other.write_text(SAME_METHOD)
    out = str(tmp_path / "runs")
    done = inside("run", "baseline", "--defect", str(broken), "--out", out)
    assert_refused(done, "defect broken has a syntax error in line 1")
    options = ["--defect", SEED_DEFECT, "--defect", str(other)]
    done = inside("run", "baseline", *options, "--out", out)
    assert_refused(done, f"{SEED_DEFECT} and other both replace RaidChannel.create")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is not JSON, or was cut short"]),
        (b'{"format": "raidstorm cap', ["is not JSON, or was cut short"]),
        (b"\x00\xff\x17", ["is not JSON, or was cut short"]),
        (b"[1, 2]", ["is not a raidstorm capsule"]),
        (b'{"format": "something"}', ["is not a raidstorm capsule"]),
        (
            b'{"format": "raidstorm capsule", "format_version": 99}',
            ["written by a newer raidstorm", "version 99"],
        ),
        (
            b'{"format": "raidstorm capsule", "format_version": 1}',
            ["written by an older raidstorm"],
        ),
        (b'{"format": "raidstorm capsule", "format_version": 3}', ["is not a valid capsule"]),
    ],
)
def test_bad_capsules(tmp_path, content, words):
    path = tmp_path / "capsule.json"
    path.write_bytes(content)
    assert_refused(run_refused("replay", str(path)), *words)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "target", ["nowhere", "baseline", "baseline:x", "baseline:-1", "gone.json"]
)
def test_bad_replay_targets(target):
    assert_refused(run_refused("replay", target), target.partition(":")[0])


def test_directory_that_is_no_run_is_refused(tmp_path):
    assert_refused(inside("replay", str(tmp_path)), "has no capsule.json")


def test_output_directory_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("precious")
    assert_refused(inside("run", "baseline", "--seed", "1", "--out", str(path)), str(path))
    assert path.read_text() == "precious"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become a user without rights")
def test_output_directory_without_rights_is_refused(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)

    # Everything is imported before the rights go: the code may lie where that user may not look.
    program = (
        "import os, sys, raidstorm, chaos.cli.run, chaos.cli.user_errors, experiments.suites\n"
        f"os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "raidstorm.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "baseline", "--seed", "1", "--out", str(closed)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert_refused(done, "closed can't be")
    assert list(closed.iterdir()) == []


def test_foreign_module_beside_python_m_experiments_is_named(tmp_path):
    (tmp_path / "chaos.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "list"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        check=False,
    )
    assert_refused(done, "package 'chaos'", "shadows")


@pytest.mark.parametrize("package", ["chaos", "workers", "experiments"])
def test_foreign_package_that_shadows_ours_is_named(tmp_path, package):
    foreign = tmp_path / package
    foreign.mkdir()
    (foreign / "__init__.py").write_text("")
    # As the console script starts: the script's own directory first, then PYTHONPATH, then site-packages.
    script = tmp_path / "bin"
    script.mkdir()
    program = f"import sys; sys.path.append({str(ROOT)!r}); import raidstorm; raidstorm.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "list"],
        capture_output=True,
        text=True,
        cwd=script,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert_refused(done, f"package {package!r}", "shadows")


def test_json_is_one_object_with_every_promised_field(tmp_path):
    report = run_inside("connect-during-rebuild", "--seeds", "30", out=tmp_path / "runs")
    promised = {"experiment", "driver", "seeds", "runs", "steps", "seconds", "exit_code"}
    promised |= {"valid", "invalid", "unknown", "crashed", "hung"}
    promised |= {"reach", "failures", "fingerprints"}
    assert promised <= set(report)
    assert report["runs"] == len(report["fingerprints"]) == 30
    assert all(len(value) == 32 for value in report["fingerprints"].values())
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["index.jsonl"]
    lines = (tmp_path / "runs" / "index.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == list(range(30))


def test_fingerprints_of_more_than_fifty_seeds_are_left_out(tmp_path):
    report = run_inside("baseline", "--seeds", "51", out=tmp_path / "runs")
    assert report["fingerprints"] == {}


def test_failing_run_directory_holds_what_the_readme_of_it_says(tmp_path):
    out = tmp_path / "runs"
    report = run_inside(
        *("connect-during-rebuild", "--seeds", "20", "-x", "--defect", SEED_DEFECT), out=out
    )
    failure = report["failures"][0]
    folder = Path(failure["run_dir"])
    names = {path.name for path in folder.iterdir()}
    assert {"capsule.json", "history.jsonl", "result.json", "trace.log", "README.txt"} <= names
    assert "timeline.html" in names
    assert (out / "latest-failure").resolve() == folder.resolve()
    trace = (folder / "trace.log").read_text()
    assert re.search(r"^ +\d+ .*  X  .* handles io_device.visit of ", trace, re.MULTILINE)
    assert "=> FINDING crash: reactor" in trace
    result = json.loads((folder / "result.json").read_text())
    assert result["verdict"] == "crashed"
    assert result["defects"] == [SEED_DEFECT]
    assert "module_context" in result["crash"]["traceback"]
    assert failure["replay"] in (folder / "README.txt").read_text()
    steps = json.loads((folder / "capsule.json").read_text())["schedule"]
    assert len(steps) == report["steps"] or report["runs"] > 1


def test_state_that_was_not_reached_is_not_a_pass(tmp_path):
    toml = tmp_path / "idle.toml"
    toml.write_text('name = "idle"\n[reach]\nrebuilds_finished = 1\n')
    report = run_inside(str(toml), "--seeds", "20", out=tmp_path / "runs")
    assert report["exit_code"] == 7
    assert report["missing"] == ["rebuilds_finished: 0 of 1"]


def test_suite_with_an_uncaught_canary_fails():
    from chaos.campaigns.campaign import Report
    from chaos.campaigns.suite import Facet
    from chaos.campaigns.suite_run import judge_facet

    canary, clean = Facet(expect_code=5), Facet()
    quiet = Report("x", "sim", 0, runs=1)
    assert judge_facet(canary, quiet)[0] == 7
    quiet.exit_code = 5
    assert judge_facet(canary, quiet)[0] == 0
    assert judge_facet(clean, quiet)[0] == 5


def test_python_m_experiments_is_the_same_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "list", "suites"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout == inside("list", "suites").stdout


def test_state_at_a_step_has_the_shape_of_spdk_s_replies():
    done = inside("state", "restart-from-superblock:5", "--at", "400")
    assert done.returncode == 0, done.stderr
    state = json.loads(done.stdout)
    (array,) = state["bdev_raid_get_bdevs"]
    assert list(array)[:9] == [
        "name",
        "uuid",
        "strip_size_kb",
        "state",
        "raid_level",
        "superblock",
        "num_base_bdevs",
        "num_base_bdevs_discovered",
        "num_base_bdevs_operational",
    ]
    assert array["raid_level"] == "raid1"
    for base in array["base_bdevs_list"]:
        assert list(base) == ["name", "uuid", "is_configured", "data_offset", "data_size"]
    discovery, subsystem = state["nvmf_get_subsystems"]
    assert discovery["subtype"] == "Discovery"
    assert subsystem["nqn"] == "nqn.2016-06.io.spdk:cnode1"
    for namespace in subsystem["namespaces"]:
        assert list(namespace) == ["nsid", "bdev_name", "name", "nguid", "uuid"]


def test_state_shows_a_rebuild_as_spdk_does(tmp_path):
    for step in range(200, 600, 20):
        done = inside("state", "rebuild-under-load:1", "--at", str(step))
        (array,) = json.loads(done.stdout)["bdev_raid_get_bdevs"]
        if "process" in array:
            assert array["process"]["type"] == "rebuild"
            assert set(array["process"]["progress"]) == {"blocks", "percent"}
            return
    raise AssertionError("no rebuild at any of these steps")


def test_state_behind_the_end_is_refused():
    done = inside("state", "baseline:1", "--at", "999999")
    assert done.returncode == 2
    assert "beyond its end" in done.stderr


def test_crash_points_of_an_array_without_superblock_are_refused():
    without = [seed for seed in range(20) if not resolve_baseline(seed).superblock]
    done = inside("crash-points", f"baseline:{without[0]}")
    assert done.returncode == 2
    assert "without superblock" in done.stderr


def resolve_baseline(seed):
    from chaos.plan.plan import resolve
    from experiments.catalog import EXPERIMENTS

    return resolve(EXPERIMENTS["baseline"], seed)


def test_swarm_is_green_over_two_jobs_and_every_count_is_reported(tmp_path):
    """Run sixty seeds; tests/chaos/judging/test_swarm.py says how much more seeds reach."""
    report = run_json("swarm", "--seeds", "60", "--jobs", "2", out=tmp_path)
    assert report["exit_code"] == 0, report["failures"]
    assert report["runs"] == 60
    assert list(report["reach"])[: len(REACH_NAMES)] == list(REACH_NAMES)
