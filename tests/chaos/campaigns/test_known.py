"""Known failures: their files, the versions and signatures that they are for, and campaigns that meet them."""

import json

import msgspec
import pytest

from chaos.base.interrupt import Interrupt
from chaos.base.job_process import JobProcess
from chaos.campaigns.campaign import run_campaign
from chaos.campaigns.known import KnownError, KnownFailure, known_as, read_known
from chaos.campaigns.runner import Runner
from chaos.campaigns.suite import Facet
from chaos.campaigns.suite_run import not_run, prepare, run_parts
from chaos.checkers import Finding, Verdict
from chaos.checkers.finding import DETERMINISM
from chaos.plan.driver_names import DRIVERS
from chaos.plan.target_id import TargetId
from chaos.store.store import Store
from experiments.catalog import EXPERIMENTS
from experiments.suites import SUITES
from tests.chaos.campaigns.test_campaign import CHUNK, FIRST_FAILING, Pool, indexed, request
from tests.support import SEED_DEFECT

SIGNATURE = "crash/AssertionError/raid/raid1.py:module_context"
KNOWN = KnownFailure(signature="crash/*", title="no module context", link="https://issues/3343")
BY_ENTRY = '[[known]]\nsignature = "a"\ntitle = "A"\n'


def knowing(out, *known, **options):
    wanted = request(out, defects=(SEED_DEFECT,), **options)
    spec = msgspec.structs.replace(wanted.spec, known=known)
    return msgspec.structs.replace(wanted, spec=spec)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[known]]\nsignature = "a"\n', "1: known[0]: the field 'title' is missing"),
        (f'{BY_ENTRY}lnk = "x"\n', "4: known[0]: unknown field 'lnk'; did you mean link?"),
        (f"{BY_ENTRY}link = 3\n", "4: known[0].link = 3 is a whole number; write a string"),
        ("known = 3\n", "1: known = 3 is a whole number; write [[known]] above each"),
        ("[[knwon]]\n", "1: unknown field 'knwon'; did you mean known?"),
        (f'{BY_ENTRY}[[known]]\nsignature = " "\ntitle = "B"\n', "4: known[1]: its signature is"),
        ('[[known]]\nsignature = "a"\ntitle = ""\n', "1: known[0]: its title is empty"),
        ('[[known]]\nsignature = "a"\ntitle = "A\\nB"\n', "its title has several lines"),
        (f'{BY_ENTRY}first = "new"\n', "1: known[0]: first = 'new' is not a version; write"),
        (
            f'{BY_ENTRY}first = "24.10"\nlast = "24.9"\n',
            "first = '24.10' comes after last = '24.9'",
        ),
        (BY_ENTRY + BY_ENTRY, "known[1] has the signature of {path}: known[0], 'a'"),
        ("[[known\n", "this is not TOML"),
    ],
)
def test_mistake_in_a_file_is_one_sentence_that_names_file_and_entry(tmp_path, text, sentence):
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(KnownError) as error:
        read_known([str(path)])
    said = str(error.value)
    assert said.startswith(str(path))
    assert sentence.format(path=path) in said
    assert len(said.splitlines()) == 1


def test_file_that_cannot_be_read_and_two_files_with_one_signature_are_refused(tmp_path):
    with pytest.raises(KnownError, match=r"absent.toml can't be read: No such file"):
        read_known([str(tmp_path / "absent.toml")])
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(KnownError, match=r"latin.toml is not TOML"):
        read_known([str(tmp_path / "latin.toml")])
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(BY_ENTRY)
    with pytest.raises(KnownError, match=r"two.toml: known\[0\] has the signature of .*one.toml"):
        read_known([str(tmp_path / "one.toml"), str(tmp_path / "two.toml")])


@pytest.mark.parametrize(
    ("pattern", "signature", "matches"),
    [
        ("a/b/c", "a/b/c", True),
        ("a/b", "a/b/c", False),
        ("b/c", "a/b/c", False),
        ("a/*", "a/b/c", True),
        ("*:read*", "a/x.c:reader", True),
        ("A/*", "a/b/c", False),
        ("a/?/c", "a/b/c", False),
        ("a/[i] == *p", "a/[i] == *p", True),
    ],
)
def test_star_stands_for_any_text_and_all_else_for_itself(pattern, signature, matches):
    assert KnownFailure(signature=pattern, title="x").matches(signature) is matches


@pytest.mark.parametrize(
    ("first", "last", "version", "is_for"),
    [
        ("", "", None, True),
        ("", "", "26.05", True),
        ("24.09", "", None, False),
        ("24.09", "", "of today", False),
        ("", "24.09", "a1b2c3", False),
        ("24.9", "", "24.10", True),
        ("24.09", "", "24.08", False),
        ("24.09", "26.05", "SPDK v24.09", True),
        ("24.09", "26.05", "26.05-pre", True),
        ("24.09", "v26.05", "26.05.1", True),
        ("24.09", "26.05", "26.09", False),
        ("", "26", "26.09", True),
    ],
)
def test_entry_is_for_the_versions_within_its_bounds(first, last, version, is_for):
    entry = KnownFailure(signature="a", title="A", first=first, last=last)
    assert entry.is_for(version) is is_for


@pytest.mark.parametrize(("over", "seeds"), [(None, 2 * CHUNK), (Pool, 6 * CHUNK)])
def test_campaign_with_known_failures_only_is_neither_red_nor_ended(tmp_path, over, seeds):
    """Over a pool, there are more chunks than are handed out at once."""
    wanted = knowing(tmp_path, KNOWN, seeds=seeds, stop_on_first=True)
    seen = []
    report = run_campaign(wanted, Interrupt(), seen.append, over and over())
    assert (report.exit_code, report.failures, report.crashed) == (0, [], 0)
    assert report.runs == seeds == len(indexed(tmp_path))
    assert report.reach["connects"] == sum(one.reach["connects"] for one in seen if not one.known)
    number = report.known["no module context"]
    assert number > 1
    assert report.valid + number == report.runs
    lines = [json.loads(line) for line in (tmp_path / "index.jsonl").read_text().splitlines()]
    assert sum(line["signature"] == SIGNATURE for line in lines) == number
    (kept,) = tmp_path.glob("*/*/result.json")
    assert report.known_runs == {"no module context": str(kept.parent)}
    assert [line["run_dir"] for line in lines if line["run_dir"]] == [str(kept.parent)]
    assert not (tmp_path / "latest-failure").is_symlink()


def test_process_writes_one_run_of_a_title(tmp_path):
    runner = Runner(knowing(tmp_path, KNOWN).spec, Store(tmp_path))
    results = [runner.run_seed(seed) for seed in range(1, 2 * CHUNK)]
    kept = [result for result in results if result.known and result.run_dir]
    assert [result.seed for result in kept] == [FIRST_FAILING]
    again = next(one for one in results if one.known and one.seed > FIRST_FAILING)
    assert again.replay == (
        f"raidstorm replay connect-during-rebuild:{again.seed} --defect {SEED_DEFECT}"
    )


class OfTwo(Pool):
    """Each chunk is run by a process that knows nothing of the other one."""

    def run(self, future, function, argument):
        process = JobProcess(lambda: False)
        future.set_result(function(process, argument))
        process.close()


def test_several_processes_keep_one_run_of_a_title(tmp_path):
    wanted = knowing(tmp_path, KNOWN, seeds=3 * CHUNK)
    report = run_campaign(wanted, Interrupt(), lambda _: None, OfTwo())
    assert len(list(tmp_path.glob("*/*/result.json"))) == 1
    assert len(list(tmp_path.glob("*/*-sim-*"))) == 1
    assert report.exit_code == 0


class Altered(Pool):
    """Changes the result of one seed."""

    def __init__(self, seed, *, findings=(), verdict=Verdict.VALID, known=""):
        super().__init__()
        self.seed = seed
        self.changes = {"findings": list(findings), "verdict": verdict, "known": known}

    def run(self, future, function, argument):
        results = function(self.process, argument)
        altered = [
            msgspec.structs.replace(one, **self.changes) if one.seed == self.seed else one
            for one in results
        ]
        future.set_result(altered)


def finding(check="register", verdict=Verdict.INVALID):
    return Finding(check=check, kind="lost", shape="read", summary="", step=1, verdict=verdict)


def test_other_failure_beside_known_ones_decides_the_exit_code(tmp_path):
    pool = Altered(2, findings=[finding()], verdict=Verdict.INVALID)
    report = run_campaign(knowing(tmp_path, KNOWN, seeds=CHUNK), Interrupt(), lambda _: None, pool)
    assert (report.exit_code, report.invalid) == (1, 1)
    assert [failure.seed for failure in report.failures] == [2]
    assert report.known
    again = knowing(tmp_path, KNOWN, stop_on_first=True)
    pool = Altered(2 * CHUNK, findings=[finding()], verdict=Verdict.INVALID)
    assert run_campaign(again, Interrupt(), lambda _: None, pool).runs < 10 * CHUNK


def test_known_runs_do_not_count_for_gates(tmp_path):
    gate = msgspec.structs.replace(EXPERIMENTS["connect-during-rebuild"], reach={"connects": 1})
    least = DRIVERS["sim"].gate_runs_min
    wanted = knowing(tmp_path, KNOWN, seeds=least)
    spec = msgspec.structs.replace(wanted.spec, experiment=gate)
    wanted = msgspec.structs.replace(wanted, spec=spec)
    report = run_campaign(wanted, Interrupt(), lambda _: None)
    assert report.gate_not_judged, "fewer runs than that were judged"
    wanted = msgspec.structs.replace(wanted, seeds=3 * least)
    more = run_campaign(wanted, Interrupt(), lambda _: None)
    assert (more.gate_not_judged, more.missing, more.exit_code) == (False, [], 0)
    gate = msgspec.structs.replace(gate, reach={"connects": more.reach["connects"] + 1})
    wanted = msgspec.structs.replace(wanted, spec=msgspec.structs.replace(spec, experiment=gate))
    assert run_campaign(wanted, Interrupt(), lambda _: None).exit_code == 7


def test_run_that_cannot_be_repeated_is_never_known(tmp_path, monkeypatch):
    monkeypatch.setattr("chaos.campaigns.runner.Runner._run_twice", lambda *_: finding(DETERMINISM))
    monkeypatch.setattr("chaos.campaigns.runner.DOUBLE_RUN_EVERY", 1)
    wanted = knowing(tmp_path, KNOWN, seeds=FIRST_FAILING)
    report = run_campaign(wanted, Interrupt(), lambda _: None)
    assert report.known == {}
    assert report.failures[-1].signature == SIGNATURE


def facet_of(**fields):
    return Facet(experiment="connect-during-rebuild", seeds=4, defects=(SEED_DEFECT,), **fields)


def prepared(facet, out, known, target=None):
    return prepare(
        EXPERIMENTS, SUITES, facet, jobs=1, out=str(out), program="r", known=known, target=target
    )


def test_facet_knows_what_is_for_its_target_and_one_that_must_fail_knows_nothing(tmp_path):
    old = KnownFailure(signature="a", title="A", last="24.05")
    part = prepared(facet_of(), tmp_path, [KNOWN, old])
    assert part.request.spec.known == (KNOWN,)
    assert prepared(facet_of(expect_code=5), tmp_path, [KNOWN]).request.spec.known == ()
    native = Facet(experiment="baseline", seeds=1)
    target = TargetId(kind="spdk", path="x", name="SPDK", version="v24.05")
    assert prepared(native, tmp_path, [KNOWN, old], target).request.spec.known == (KNOWN, old)


def test_facet_with_known_failures_is_taken_over_while_they_are_known(tmp_path):
    def run(request, _):
        return run_campaign(request, Interrupt(), lambda _: None)

    part = prepared(facet_of(first_seed=1), tmp_path, [KNOWN])
    ((_, _, outcome),) = run_parts([part], Interrupt(), run)
    assert (outcome.state, outcome.known) == ("passed", {"no module context": 1})
    before = {outcome.name: outcome}
    wider = prepared(
        facet_of(first_seed=1), tmp_path, [KNOWN, KnownFailure(signature="b", title="B")]
    )
    ((_, report, _),) = run_parts([wider], Interrupt(), run, before)
    assert report is None
    ((_, report, again),) = run_parts(
        [prepared(facet_of(first_seed=1), tmp_path, [])], Interrupt(), run, before
    )
    assert report is not None
    assert again.code == 5
    assert not_run(part).known == {}


def test_first_entry_that_matches_names_the_failure():
    entries = (KnownFailure(signature="a/*", title="A"), KnownFailure(signature="a/b", title="B"))
    assert [known_as(entries, text) for text in ("a/b", "a/c", "b")] == ["A", "A", ""]
