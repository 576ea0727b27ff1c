"""The pytest plugin, as a user's tests meet it: sessions of their own, in processes of their own."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chaos.drivers.native.build import NATIVE
from tests.chaos.drivers.native.targets import needs_compiler
from tests.support import ROOT, SEED_DEFECT, leftovers, popen, processes, wait_for

pytest_plugins = ["pytester"]

REGRESSION = ROOT / "tests" / "regressions" / "new_channel_null_module_ctx.json"
TESTS = f'''
import pytest
from chaos.checkers.finding import Finding, Verdict
from chaos.experiment import Experiment
from chaos.schedule import Inject, Mark, Operate, Rest

DEFECT = "{SEED_DEFECT}"
HANG = Experiment(
    name="hang", reactors=1, members=2, spares=0, hosts=1, superblock_share=100, blocks=8
)
SCENARIO = [
    Rest(),
    Operate(2, "framework_start_init", (0, 1)),
    Rest(),
    Operate(3, "bdev_raid_create", (1, 1, 0, 1)),
    Rest(),
    Inject(4, "superblock_errors", 1, (1,)),
    Rest(),
    Operate(5, "bdev_raid_remove_base_bdev", (0,)),
    Rest(),
]

def never(execution):
    return [Finding(check="never", kind="k", shape="s", summary="a sentence", step=3, verdict=Verdict.INVALID)]

def test_name(raidstorm):
    report = raidstorm.run("baseline", seeds=5, seed=3)
    assert (report.first_seed, report.runs, report.valid) == (3, 5, 5)

def test_files(raidstorm):
    assert raidstorm.run("mine/mine.toml", seeds=2).experiment == "mine"

def test_value_over_usual_seeds(raidstorm):
    assert raidstorm.run(Experiment(name="value")).runs == 20

def test_lockstep(raidstorm):
    assert raidstorm.run("baseline", seeds=1, driver="lockstep").driver == "lockstep"

def test_red(raidstorm):
    raidstorm.run("connect-during-rebuild", defects=[DEFECT])

def test_red_as_it_must_be(raidstorm):
    assert raidstorm.run("connect-during-rebuild", defects=[DEFECT], expect=5).crashed == 1

def test_not_caught(raidstorm):
    raidstorm.run("baseline", seeds=2, defects=[DEFECT], expect=5)

def test_gate(raidstorm):
    raidstorm.run(Experiment(name="gate", reach={{"rebuilds_finished": 3000}}))

def test_own_check(raidstorm):
    raidstorm.run("baseline", checks=[never])

def test_scenario(raidstorm):
    raidstorm.play(HANG, SCENARIO)
    raidstorm.play(HANG, SCENARIO, defects=["superblock-failure-leaves-quiesced"], expect=4)

def test_scenario_red(raidstorm):
    raidstorm.play(HANG, SCENARIO, defects=["superblock-failure-leaves-quiesced"])

def test_scenario_that_can_t_be_taken(raidstorm):
    raidstorm.play(HANG, [*SCENARIO, Operate(6, "bdev_raid_add_base_bdev", (0,)), Inject(7, "disk_pull", 9, ())])

def test_recorded(raidstorm):
    raidstorm.replay("{REGRESSION}", defects=[])
    assert raidstorm.replay("{REGRESSION}", expect=5).findings

def test_recorded_red(raidstorm):
    raidstorm.replay("{REGRESSION}")
'''
MISTAKES = """
import pytest
from pathlib import Path

WRONG = {
    "experiment": lambda it: it.run("baselin"),
    "kind": lambda it: it.run(42),
    "file": lambda it: it.run(Path("nowhere.toml")),
    "suite": lambda it: it.run("smoke"),
    "defect": lambda it: it.run("baseline", defects=["nothing-such"]),
    "driver": lambda it: it.run("baseline", driver="fast"),
    "check": lambda it: it.run("baseline", checks=[lambda execution: []]),
    "expect": lambda it: it.run("baseline", expect=2),
    "capsule": lambda it: it.replay("nowhere.json"),
    "no target": lambda it: it.run("baseline", driver="native"),
    "no tree": lambda it: it.run("baseline", spdk="nowhere"),
    "two targets": lambda it: it.run("baseline", spdk="nowhere", target="example"),
    "other driver": lambda it: it.run("baseline", spdk="nowhere", driver="sim"),
}

@pytest.mark.parametrize("wrong", WRONG)
def test_wrong(raidstorm, wrong):
    WRONG[wrong](raidstorm)
"""
SENTENCES = (
    "no experiment or suite 'baselin'; did you mean baseline",
    "42 is no experiment; give a value",
    "nowhere.toml can't be read: No such file or directory",
    "smoke is a suite",
    "no defect 'nothing-such'",
    "no driver 'fast'; these are: sim, lockstep, realtime",
    "is not a function of a module",
    "expect=2 is no exit code of a run; the codes are: 0 valid, 1 INVALID",
    "nowhere.json can't be read",
    "the driver native needs a target: pass spdk=DIR or target=FILE",
    "nowhere is not a directory; name the tree in which SPDK is built",
    "spdk= and target= each name a target",
    "a target in C runs on the driver native, not on sim",
)


def session(pytester, *arguments):
    """Run pytest there, and return its output."""
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    return done, done.stdout.str()


def printed_of(output: str, test: str) -> str:
    """Return the output of one failing test, up to pytest's own next heading, whichever that is.

    Over several processes any failure may be the last one; then "- generated xml file" follows.
    """
    found = re.search(rf"_ {test} _+\n(.*?)(?=\n_{{5}}|\n={{5}}|\n-+ )", output, re.DOTALL)
    assert found is not None, output
    return found[1]


def pasted(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line, as in a shell."""
    return subprocess.run(
        shlex.split(line), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def project(pytester):
    pytester.makepyfile(test_mine=TESTS)
    # As pytest does where raidstorm is installed from a wheel; crashes must have their own texts all the same.
    pytester.makeconftest('import pytest\npytest.register_assert_rewrite("workers", "chaos")')
    (pytester.path / "mine").mkdir()
    (pytester.path / "mine" / "mine.toml").write_text('name = "mine"\n')
    return pytester


@pytest.mark.slow
def test_runs_over_two_processes_are_told_whole_and_can_be_replayed(project):
    done, output = session(project, "-n", "2", "--junitxml=out.xml")
    done.assert_outcomes(passed=7, failed=7)
    assert "Traceback" not in output
    red = printed_of(output, "test_red")
    lines = red.splitlines()
    assert lines[1] == (
        "CRASHED: connect-during-rebuild, driver sim, seed 4 (number 5 of 20), "
        f"with defect {SEED_DEFECT}"
    )
    assert lines[2] == "crash/AssertionError/raid/raid1.py:module_context"
    assert lines[3].startswith("reactor 1 crashed: raid_bdev_channel_get_module_ctx: Assertion")
    assert re.fullmatch(r"shrunk from 28 to \d+ steps of hosts, operator and nemesis:", lines[4])
    assert lines[5].startswith(
        "  steps 1-33: A RAID1 with superblocks is created on disk0 and disk1"
    )
    kept = dict(line.split(": ", 1) for line in lines if ": " in line)
    assert kept["replay"].endswith("/minimal.json")
    for line in (kept["replay"], kept["the whole run"]):
        again = pasted(line, project.path)
        assert again.returncode == 5, again.stderr
        assert "the fingerprint is the recorded one" in again.stdout
    assert kept["this seed alone"].endswith("test_mine.py::test_red --raidstorm-seed 4")
    again = pasted(kept["this seed alone"] + " --raidstorm-shrink 0", project.path)
    assert again.returncode == 1
    assert "(number 1 of 1)" in again.stdout
    pages = kept["timeline"].removesuffix(" for these steps alone").split(", and ")
    assert len(pages) == 2
    assert all((project.path / page).is_file() for page in pages)
    assert printed_of(output, "test_not_caught").splitlines()[1:] == [
        f"NOT EXERCISED: baseline, driver sim, seeds 0..1, with defect {SEED_DEFECT}",
        "it must end with exit code 5 (CRASHED), but doesn't",
    ]
    assert printed_of(output, "test_gate").splitlines()[1:] == [
        "NOT EXERCISED: gate, driver sim, seeds 0..19",
        "not reached: rebuilds_finished: 0 of 3000",
    ]
    own = printed_of(output, "test_own_check")
    assert "INVALID: baseline" in own
    assert "never/k/s\na sentence" in own
    assert re.search(r"replay: .* --allow-code\n", own)
    scenario = printed_of(output, "test_scenario_red")
    assert "STUCK: a scenario of hang, seed 0, with defect superblock-failure" in scenario
    assert pasted(scenario.rpartition("replay: ")[2], project.path).returncode == 4
    assert "step 11 of the scenario can't be taken: " in printed_of(
        output, "test_scenario_that_can_t_be_taken"
    )
    recorded = printed_of(output, "test_recorded_red")
    assert "CRASHED: " in recorded
    assert pasted(recorded.rpartition("replay: ")[2], project.path).returncode == 5
    # Expected results have left nothing here but their line; each failure has left one directory.
    folders = sorted(path.parent.name for path in project.path.glob("runs/*/*/capsule.json"))
    assert len(folders) == 4, folders  # test_red twice, the own check, the scenario
    reports = ElementTree.parse(project.path / "out.xml").getroot()
    (case,) = (one for one in reports.iter("testcase") if one.get("name") == "test_red")
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert properties["raidstorm_replay"] == kept["the whole run"]
    assert properties["raidstorm_signature"] == lines[2]


def test_options_go_before_what_a_test_says(pytester):
    pytester.makepyfile(
        test_seeds="""
        def test_seeds(raidstorm):
            report = raidstorm.run("baseline", seeds=4)
            print("ran", report.first_seed, report.runs)

        def test_red(raidstorm):
            raidstorm.run("connect-during-rebuild", defects=["new-channel-null-module-ctx"])
        """
    )
    # The lines to paste must work in another directory, too.
    inner = pytester.mkdir("inner")
    options = (
        "--raidstorm-seed=4",
        "--raidstorm-seeds=2",
        "--raidstorm-out=kept",
        "--raidstorm-shrink=0",
    )
    os.chdir(inner)
    done, output = session(pytester, "-s", "--rootdir=..", *options, "../test_seeds.py")
    done.assert_outcomes(passed=1, failed=1)
    assert "ran 4 2\n" in output
    red = printed_of(output, "test_red")
    assert "shrunk" not in red
    assert f" replay {inner}/kept/connect-during-rebuild/" in red
    assert pasted(re.search("^replay: (.*)$", red, re.MULTILINE)[1], inner).returncode == 5
    again = re.search("^this seed alone: (.*)$", red, re.MULTILINE)[1]
    assert pasted(f"{again} --co", inner).returncode == 0


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--raidstorm-seeds=0", "'0' is not a number of seeds from 1 on"),
        ("--raidstorm-seed=-1", "'-1' is not a seed; a seed is a whole number from 0 on"),
        ("--raidstorm-shrink=soon", "'soon' is not a number of seconds"),
    ],
)
def test_wrong_option_is_a_usage_error(pytester, option, sentence):
    done = pytester.runpytest_inprocess(option)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in done.stderr.str()


def test_mistakes_are_a_sentence_each(pytester):
    pytester.makepyfile(test_mistakes=MISTAKES)
    done, output = session(pytester)
    done.assert_outcomes(failed=len(SENTENCES))
    for sentence in SENTENCES:
        assert re.search(f"^raidstorm: .*{re.escape(sentence)}", output, re.MULTILINE), output
    assert "Error" not in output
    assert not list(pytester.path.glob("runs/*/*"))


def test_session_that_doesn_t_use_it_pays_nothing(pytester):
    """Import nothing for a session without it, also where packages of the same names are the user's own."""
    for package in ("chaos", "workers", "experiments"):
        pytester.mkpydir(package)
    pytester.makepyfile(
        """
        import json, sys

        def test_nothing():
            names = sorted(name for name in sys.modules if name.split(".")[0] in
                           ("chaos", "workers", "experiments", "zmq", "msgspec", "trio", "raidstorm"))
            print(json.dumps(names))
            import chaos
            assert "raidstorm_pytest" in sys.modules

        def test_shadowed(raidstorm):
            pass
        """
    )
    done, output = session(pytester, "-s")
    done.assert_outcomes(passed=1, errors=1)
    assert json.loads(re.search(r"\[.*?\]", output.partition("test_session")[2])[0]) == []
    assert "raidstorm: the package 'workers' that Python finds (" in output
    assert "is not raidstorm's own" in output


def test_plugin_is_brought_by_the_installation():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--fixtures", "-q", "--co"],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "fixtures defined from raidstorm_pytest" in done.stdout


def test_ctrl_c_ends_the_session_and_leaves_nothing(pytester):
    pytester.makepyfile(
        'def test_long(raidstorm): raidstorm.run("swarm", seeds=100_000, driver="realtime")'
    )
    running = popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        index = pytester.path / "runs" / "index.jsonl"
        wait_for(lambda: index.exists() or running.poll() is not None, "a first run", 60)
        os.killpg(running.pid, signal.SIGINT)
        output, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    assert "Error" not in output
    wait_for(lambda: not processes(running.pid), "processes to end")
    assert leftovers(running.pid) == []


@needs_compiler
def test_a_target_in_c_comes_from_the_test_the_option_or_the_ini_file(pytester):
    crashing = NATIVE / "example" / "mistake_crash.c"
    pytester.makepyfile(
        test_target=f"""
        def test_named(raidstorm):
            report = raidstorm.run("baseline", seeds=2, target="example")
            print("ran", report.driver)

        def test_from_the_session(raidstorm):
            assert raidstorm.has_target
            raidstorm.run("connect-during-rebuild", driver="native")

        def test_red_as_it_must_be(raidstorm):
            report = raidstorm.run("connect-during-rebuild", target="{crashing}", expect=5)
            run_dir = report.failures[0].run_dir
            assert raidstorm.replay(run_dir, target="{crashing}", expect=5).findings
        """
    )
    done, output = session(pytester, "-s")
    done.assert_outcomes(passed=2, failed=1)
    assert "ran native" in output
    pytester.makeini("[pytest]\nraidstorm_target = example")
    done, output = session(pytester)
    done.assert_outcomes(passed=3)
    done, output = session(pytester, f"--raidstorm-target={crashing}", "-k", "session")
    done.assert_outcomes(failed=1)
    red = printed_of(output, "test_from_the_session")
    assert "CRASHED: connect-during-rebuild, driver native, seed " in red
    assert re.search(r"shrunk from \d+ to \d+ steps of hosts, operator and nemesis:", red)
    lines = dict(line.split(": ", 1) for line in red.splitlines() if ": " in line)
    again = pasted(lines["replay"], pytester.path)
    assert again.returncode == 5, again.stderr
    assert f"--target {crashing}" in lines["replay"]
