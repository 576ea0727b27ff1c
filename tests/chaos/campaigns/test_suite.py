"""Suites as values: their facets, their parts, and their errors."""

import json
import signal
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml

from chaos.campaigns.campaign import Failure
from chaos.campaigns.catalog import find_suite
from chaos.campaigns.junit import junit_of
from chaos.campaigns.suite import Facet, Suite, SuiteError, check_suite, facets_of, subset
from chaos.campaigns.suite_run import FacetOutcome
from chaos.campaigns.summary import head_of, parse_summary, read_summary, summed
from chaos.plan.experiment import Experiment, ExperimentError
from experiments.catalog import EXPERIMENTS
from experiments.suites import SUITES
from tests.inside import inside
from tests.support import PROGRAM, ROOT, SEED_DEFECT, popen, wait_for

SIM, BOTH = Facet(seeds=10), ("baseline", "swarm")


def names(suite: Suite) -> list[str]:
    return [facet.name for facet in facets_of(suite)]


def test_suite_is_experiments_times_facets():
    suite = Suite(
        name="x",
        experiments=BOTH,
        facets=(
            SIM,
            Facet(driver="lockstep", seeds=2),
            Facet(seeds=1, defects=(SEED_DEFECT, "dir/other.py")),
            Facet(name="own", experiment="grow", seeds=1),
            Facet(experiment="dir/mine.py:MINE", seeds=1),
            SIM,
        ),
    )
    assert names(check_suite(suite)) == [
        "baseline-sim",
        "swarm-sim",
        "baseline-lockstep",
        "swarm-lockstep",
        f"baseline-sim-with-{SEED_DEFECT}-other",
        f"swarm-sim-with-{SEED_DEFECT}-other",
        "own",
        "MINE-sim",
        "baseline-sim-2",
        "swarm-sim-2",
    ]
    assert [facet.experiment for facet in facets_of(suite)][:2] == ["baseline", "swarm"]
    assert facets_of(suite)[6].seeds == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"facets": ()}, "has no facets"),
        ({"name": "a/b", "facets": (SIM,)}, "name = 'a/b': a suite's name"),
        ({"facets": (SIM,)}, r"facets\[0\] has no experiment"),
        ({"facets": (Facet(experiment="swarm"),)}, "would never end"),
        ({"facets": (Facet(experiment="swarm", seeds=0),)}, "seeds = 0"),
        ({"facets": (Facet(experiment="swarm", seconds=float("nan")),)}, "seconds = nan"),
        ({"facets": (Facet(experiment="swarm", seeds=1, first_seed=-1),)}, "first_seed = -1"),
        ({"facets": (Facet(experiment="swarm", seeds=1, expect_code=130),)}, "expect_code = 130"),
        ({"facets": (Facet(experiment="swarm", seeds=1, name="a b"),)}, "its name 'a b'"),
        (
            {"facets": (Facet(experiment="swarm", seeds="1"),)},
            r"is not valid: facets\[0\].seeds is a string; write a whole number",
        ),
        ({"facets": (Facet(name="a", experiment="swarm", seeds=1),) * 2}, "two facets named a"),
        (
            {"facets": (Facet(experiment="grow", seeds=1),), "experiments": BOTH},
            "no facet is left for",
        ),
    ],
)
def test_what_is_wrong_with_a_suite(fields, words):
    with pytest.raises(SuiteError, match=words):
        check_suite(Suite(**{"name": "x", **fields}))


@pytest.mark.parametrize("where", ["suite", "facet"])
def test_gate_that_counts_nothing_is_refused(where):
    gates = {"conects": 1}
    facet = Facet(experiment="swarm", seeds=1, reach=gates if where == "facet" else {})
    with pytest.raises(ExperimentError, match="conects = 1 is not counted"):
        check_suite(Suite(name="x", facets=(facet,), reach=gates if where == "suite" else {}))


BUDGETS = st.lists(
    st.builds(
        Facet,
        seeds=st.integers(1, 10_000),
        seconds=st.none() | st.floats(0.001, 10_000),
        driver=st.sampled_from(["sim", "lockstep", "realtime"]),
    ),
    min_size=1,
    max_size=30,
)


@given(BUDGETS, st.data())
def test_parts_are_disjoint_together_everything_and_always_the_same(facets, data):
    facets = facets_of(Suite(name="x", experiments=("swarm",), facets=tuple(facets)))
    of = data.draw(st.integers(1, len(facets)))
    parts = [subset(facets, number, of) for number in range(1, of + 1)]
    assert all(parts)
    together = [facet.name for part in parts for facet in part]
    assert sorted(together) == sorted(facet.name for facet in facets)
    assert len(set(together)) == len(facets)
    order = [facet.name for facet in facets]
    for number, part in enumerate(parts, 1):
        assert [facet.name for facet in part] == sorted(
            (facet.name for facet in part), key=order.index
        )
        assert subset(facets, number, of) == part


def test_parts_last_about_equally_long():
    facets = [Facet(name=str(each), seconds=seconds) for each, seconds in enumerate([60, 1, 58, 3])]
    assert [[facet.name for facet in subset(facets, part, 2)] for part in (1, 2)] == [
        ["0", "1"],
        ["2", "3"],
    ]
    with pytest.raises(SuiteError, match="there are 4 facets"):
        subset(facets, 1, 5)


def test_built_in_suites_are_right():
    for name in SUITES:
        assert find_suite(name, EXPERIMENTS, SUITES).name == name


def test_suite_file_names_what_lies_beside_it(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "mine.toml").write_text('name = "mine"\n')
    (folder / "suite.toml").write_text(
        'name = "s"\nexperiments = ["mine.toml", "swarm"]\n'
        '[[facets]]\nseeds = 1\ndefects = ["other.py", "x-y"]\n'
    )
    suite = find_suite(str(folder / "suite.toml"), EXPERIMENTS, SUITES)
    assert suite.experiments == (str(folder / "mine.toml"), "swarm")
    assert suite.facets[0].defects == (str(folder / "other.py"), "x-y")


def test_experiment_in_a_python_suite_becomes_a_reference_or_is_refused(tmp_path):
    file = tmp_path / "suite.py"
    text = (
        "from chaos.experiment import Experiment\nfrom chaos.suite import Facet, Suite\n"
        "from experiments.swarm import SWARM\nA = Experiment(name='a')\n"
        "S = Suite(name='s', experiments=(A, SWARM), facets=(Facet(seeds=1),))\n"
    )
    file.write_text(text)
    assert find_suite(str(file), EXPERIMENTS, SUITES).experiments == (f"{file}:A", "swarm")
    file.write_text(text.replace("(A,", "(Experiment(name='b'),"))
    with pytest.raises(SuiteError, match="the experiment b can't be referred to"):
        find_suite(str(file), EXPERIMENTS, SUITES)
    file.write_text(text + "T = S\n")
    with pytest.raises(SuiteError, match="has 2 suites; name one with"):
        find_suite(str(file), EXPERIMENTS, SUITES)
    assert find_suite(f"{file}:T", EXPERIMENTS, SUITES).name == "s"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("smok", "there is no suite 'smok'; did you mean smoke?"),
        ("swarm", "swarm is an experiment"),
        ("absent.toml", "absent.toml can't be read"),
        ("no_such_module:X", "module no_such_module can't be imported"),
        ("experiments.swarm:SWARM", "has no suite named SWARM"),
    ],
)
def test_suite_that_is_not_there(argument, words):
    done = inside("suite", argument)
    assert done.returncode == 2
    assert words in done.stderr


def test_run_takes_suites_from_files_with_all_their_gates(tmp_path):
    (tmp_path / "s.toml").write_text(
        'name = "s"\n[[facets]]\nexperiment = "baseline"\nseeds = 2\n'
        "reach = { target_kills = 1 }\n[reach]\npower_losses = 2\n"
    )
    done = inside("run", "s.toml", "--format", "json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["exit_code"]) == (7, 7)
    assert report["missing"] == ["target_kills: 0 of 1", "power_losses: 0 of 2"]
    done = inside("run", "s.toml", cwd=tmp_path)
    assert "  not reached: target_kills: 0 of 1\n" in done.stdout
    assert "not reached by the whole suite: power_losses: 0 of 2\n" in done.stdout
    (tmp_path / "t.toml").write_text(
        'name = "t"\n[[facets]]\nexperiment = "baseline"\nseeds = 2\n[reach]\npower_losses = 2\n'
    )
    assert inside("run", "t.toml", cwd=tmp_path).returncode == 7
    done = inside("run", "s.toml", "--seeds", "3", cwd=tmp_path)
    assert done.returncode == 2
    assert "s.toml is a suite and brings its own --seeds" in done.stderr


def outcome(name: str = "f", **fields) -> FacetOutcome:
    facet = Facet(name=name, experiment="swarm", seeds=1)
    return FacetOutcome(
        **{"name": name, "facet": facet, "definition": "", "state": "failed", **fields}
    )


def summary_of(*outcomes: FacetOutcome, **suite_fields):
    suite = Suite(name="s", facets=(SIM,), **suite_fields)
    head = head_of(suite, again="raidstorm suite s", subset="", rerun_of="")
    return summed(head, outcomes, finished=True, interrupted=False)


def test_exit_code_is_the_worst_of_the_facets():
    codes = [outcome(str(code), code=code) for code in (3, 7, 4, 5)]
    assert summary_of(*codes).exit_code == 5
    assert summary_of(*codes, outcome("1", code=1)).exit_code == 1
    assert summary_of(*codes[:2]).exit_code == 7
    assert summary_of(outcome(state="passed")).exit_code == 0


@given(st.text())
def test_junit_can_hold_whatever_a_target_says_when_it_dies(text):
    failure = Failure("swarm", "sim", 0, 5, "crash", text, text, "", text, text, [text])
    broken = outcome(code=5, exit_code=5, failures=[failure], why=text, error=text)
    document = JUnitXml.fromstring(junit_of(summary_of(broken)))
    assert document.failures == 1


def test_could_not_decide_is_an_error_and_wrong_data_a_failure():
    facets = [outcome(str(code), code=code, why="w") for code in (1, 3, 4, 5, 6, 7, 70)]
    document = JUnitXml.fromstring(junit_of(summary_of(*facets)))
    kinds = {case.name: [each._tag for each in case.result] for suite in document for case in suite}
    errors = [code for code, tags in kinds.items() if tags == ["error"]]
    assert errors == ["3", "70"]
    assert document.failures == 5


def test_summary_of_another_version_is_refused(tmp_path):
    data = json.dumps({"format_version": 99, "raidstorm_version": "9", "suite": "s", "facets": []})
    with pytest.raises(SuiteError, match="version 99"):
        parse_summary(tmp_path / "summary.json", data.encode())


def test_killed_suite_leaves_what_it_has(tmp_path):
    (tmp_path / "s.toml").write_text(
        'name = "s"\n[[facets]]\nname = "one"\nexperiment = "baseline"\nseeds = 1\n'
        '[[facets]]\nname = "two"\nexperiment = "swarm"\nseconds = 3600\n'
    )
    out = tmp_path / "out"
    process = popen(
        [*PROGRAM, "suite", str(tmp_path / "s.toml"), "--out", str(out)],
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    )
    path = out / "summary.json"
    wait_for(lambda: path.exists() and read_summary(out).passed == 1, "the first facet")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    summary = read_summary(out)
    assert [one.state for one in summary.facets] == ["passed", "not run"]
    assert (summary.finished, summary.exit_code) == (False, None)


def test_experiment_that_a_suite_names_is_looked_up_before_the_first_run(tmp_path):
    suite = Suite(name="s", facets=(Facet(experiment="baseline", seeds=1), SIM), experiments=("q",))
    (tmp_path / "s.toml").write_text(
        'name = "s"\nexperiments = ["q"]\n[[facets]]\nexperiment = "baseline"\nseeds = 1\n'
        "[[facets]]\nseeds = 1\n"
    )
    assert names(check_suite(suite)) == ["baseline-sim", "q-sim"]
    done = inside("suite", "s.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no experiment or suite 'q'" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_experiments_may_stand_in_a_suite_as_values():
    suite = Suite(name="s", experiments=(Experiment(name="e"),), facets=(SIM,))
    assert names(check_suite(suite)) == ["e-sim"]
