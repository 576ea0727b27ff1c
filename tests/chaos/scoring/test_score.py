"""The score: its finds, the end of a search, its sums, and its output."""

import itertools
from pathlib import Path

import msgspec

import chaos.scoring.score
from benchmarks.tables import alone, caught_by
from chaos.base.interrupt import Interrupt
from chaos.campaigns.runner import Runner, RunSpec
from chaos.checkers import Finding, Verdict
from chaos.scoring.compare import compare
from chaos.scoring.markdown import markdown_lines
from chaos.scoring.score import (
    RANGE_SEEDS,
    Arm,
    Find,
    ScoreRequest,
    Search,
    Searched,
    run_score,
    run_search,
)
from chaos.scoring.scorecard import exit_code, read_score, summarize, write_score
from chaos.scoring.table import table_lines
from chaos.store.store import Store
from chaos.store.version import commit_of_code
from experiments.catalog import EXPERIMENTS
from tests.support import SEED_DEFECT
from workers.defects.loader import known_defects, read_defect
from workers.protocol import DefectSource

# The engine's own order; a defect that does nothing can't be found.
HARMLESS = """
from workers.raid import array
class Same(array.RaidChannel):
    def create(self):
        return super().create()
"""
CRASHES_AT_ONCE = HARMLESS.replace("return super().create()", "raise AssertionError('at once')")
ARM = Arm(None, EXPERIMENTS["connect-during-rebuild"])


def complain(execution):
    """Find a failure in every run."""
    return [_finding(Verdict.INVALID)]


def be_undecided(execution):
    """Find every run undecided."""
    return [_finding(Verdict.UNKNOWN)]


def _finding(verdict):
    return Finding(check="mine", kind="k", shape="s", summary="always", step=1, verdict=verdict)


def defect_file(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(text)
    return str(path)


def search_of(defect: str | None, seeds: int, seconds: float | None = None, **changes) -> Search:
    experiment = msgspec.structs.replace(ARM.experiment, **changes)
    source = read_defect(defect) if defect is not None else None
    return Search(Arm(None, experiment), source, RANGE_SEEDS, seeds, seconds)


def found(defect: str, first_seed: int, schedules: int, check: str = "crash") -> Searched:
    find = Find(first_seed + schedules - 1, "crashed", check, check, "boom", "00")
    return Searched(None, defect, first_seed, schedules, 100, schedules / 10, 1, [find], 0)


def stopped(defect: str | None, first_seed: int, schedules: int, undecided: int = 0) -> Searched:
    return Searched(None, defect, first_seed, schedules, 100, schedules / 10, 0, [], undecided)


def request_for(*defects: DefectSource, ranges: int = 10, jobs: int = 1, **changes) -> ScoreRequest:
    whole = ScoreRequest(
        arms=(ARM,),
        defects=defects,
        ranges=ranges,
        seeds=40,
        seconds=None,
        clean_seeds=None,
        jobs=jobs,
    )
    return msgspec.structs.replace(whole, **changes)


def score_of(results: list[Searched], *defects: str, **changes):
    sources = tuple(DefectSource(defect, HARMLESS) for defect in defects)
    return summarize(request_for(*sources, **changes), "swarm", "1", results)


# One search


def test_search_stops_at_the_first_find_and_counts_what_it_used():
    searched = run_search(search_of(SEED_DEFECT, 50), lambda: False)
    (find,) = searched.finds
    assert 1 <= searched.schedules < 50
    assert find.seed == RANGE_SEEDS + searched.schedules - 1
    assert (find.check, find.verdict) == ("crash", "crashed")


def test_find_has_all_checks_that_had_a_finding():
    (find,) = run_search(search_of(SEED_DEFECT, 50), lambda: False).finds
    arm = Arm(None, msgspec.structs.replace(ARM.experiment, checks=(f"{__name__}:complain",)))
    again = Search(arm, read_defect(SEED_DEFECT), find.seed, 1, None)
    searched = run_search(again, lambda: False)
    assert searched.finds[0].checks == ("mine", "crash")
    score = score_of([msgspec.structs.replace(searched, defect="a")], "a")
    assert score.defects[0].searches[0].checks == ("mine", "crash")


def test_search_judges_as_run_does(tmp_path):
    searched = run_search(search_of(SEED_DEFECT, 50), lambda: False)
    spec = RunSpec(ARM.experiment, "sim", (read_defect(SEED_DEFECT),), (), "x", "x", str(tmp_path))
    runner = Runner(spec, Store(tmp_path))
    runs = [runner.run_seed(RANGE_SEEDS + number) for number in range(searched.schedules)]
    assert [bool(run.findings) for run in runs] == [False] * (len(runs) - 1) + [True]
    assert sum(run.steps for run in runs) == searched.steps
    assert runs[-1].fingerprint == searched.finds[0].fingerprint
    assert runs[-1].signature == searched.finds[0].signature


def test_search_stops_at_its_schedules_and_at_its_seconds(tmp_path):
    harmless = defect_file(tmp_path, "harmless", HARMLESS)
    searched = run_search(search_of(harmless, 3), lambda: False)
    assert (searched.schedules, searched.finds, searched.interrupted) == (3, [], False)
    ticks = itertools.count()  # a second at each look
    searched = run_search(search_of(harmless, 30, 4.0), lambda: False, lambda: float(next(ticks)))
    assert (searched.schedules, searched.seconds) == (4, 4.0)


def test_search_without_decision_is_no_find():
    check = (f"{__name__}:be_undecided",)
    searched = run_search(search_of(None, 3, checks=check), lambda: False)
    assert (searched.undecided, searched.red, searched.finds) == (3, 0, [])


def test_search_goes_on_where_the_tester_itself_breaks(monkeypatch):
    resolve, broken = chaos.scoring.score.resolve, RANGE_SEEDS + 1

    def break_once(experiment, seed):
        if seed == broken:
            raise RuntimeError("a tester's own\nmore")
        return resolve(experiment, seed)

    monkeypatch.setattr(chaos.scoring.score, "resolve", break_once)
    searched = run_search(search_of(None, 3), lambda: False)
    assert (searched.schedules, searched.red, searched.undecided) == (3, 0, 0)
    (run,) = searched.broken
    assert (run.search, run.seed, run.error) == (
        "clean engine",
        broken,
        "RuntimeError: a tester's own",
    )
    score = score_of([searched])
    assert exit_code(score) == 70
    assert any(f"seed {broken}: RuntimeError" in text for text, _ in table_lines(score))


def test_clean_search_goes_on_behind_a_red_run():
    check = (f"{__name__}:complain",)
    searched = run_search(search_of(None, 3, checks=check), lambda: False)
    assert (searched.schedules, searched.red) == (3, 3)
    assert [find.check for find in searched.finds] == ["mine"] * 3


class Impatient(Interrupt):
    """A request to stop in the middle of a search, at the third question."""

    asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        self.requested = self.asked >= 3
        return self.requested


def test_search_that_is_cut_short_is_not_handed_on(tmp_path):
    harmless = read_defect(defect_file(tmp_path, "harmless", HARMLESS))
    results = []
    run_score(request_for(harmless), Impatient(), results.append)
    assert results == []


def test_score_ends_when_the_user_wants_it():
    interrupt = Interrupt()
    results = []

    def stop_after_two(searched):
        results.append(searched)
        interrupt.requested = len(results) == 2

    run_score(request_for(read_defect(SEED_DEFECT)), interrupt, stop_after_two)
    assert len(results) == 2


# Many searches


def test_clean_engine_runs_as_many_of_the_same_seeds_as_the_longest_search(tmp_path):
    harmless = read_defect(defect_file(tmp_path, "harmless", HARMLESS))
    crashes = read_defect(defect_file(tmp_path, "crashes", CRASHES_AT_ONCE))
    results = []
    request = request_for(crashes, harmless, ranges=2, seeds=3)
    assert run_score(request, Interrupt(), results.append) == ""
    assert [(result.defect, result.first_seed, result.schedules) for result in results] == [
        ("crashes", RANGE_SEEDS, 1),
        ("harmless", RANGE_SEEDS, 3),
        (None, RANGE_SEEDS, 3),
        ("crashes", 2 * RANGE_SEEDS, 1),
        ("harmless", 2 * RANGE_SEEDS, 3),
        (None, 2 * RANGE_SEEDS, 3),
    ]
    score = summarize(request, "x", "1", results)
    assert (score.clean[0].schedules, score.clean[0].red, score.clean[0].rate_below) == (6, 0, 0.5)
    assert [defect.found for defect in score.defects] == [True, False]


def test_order_in_which_searches_end_does_not_matter():
    results = [found("a", RANGE_SEEDS * number, number) for number in range(1, 11)]
    forward, backward = score_of(results, "a"), score_of(results[::-1], "a")
    assert msgspec.json.encode(forward) == msgspec.json.encode(backward)
    assert forward.defects[0].schedules.p50.value == 5
    assert forward.defects[0].seconds.p90.value == 0.9
    assert forward.defects[0].share == 9 / 54


def test_found_means_at_least_half_of_the_ranges():
    half = [found("a", number, 1) for number in range(5)]
    rest = [stopped("a", number, 9) for number in range(5, 10)]
    assert score_of([*half, *rest], "a").defects[0].found
    assert score_of([*half, *rest], "a").defects[0].schedules.p50.value == 1
    less = score_of([*half[1:], stopped("a", 4, 9), *rest], "a").defects[0]
    assert not less.found
    assert less.schedules.p50.above == 9


def test_commonest_check_is_named_and_all_are_counted():
    checks = ["register", "crash", "crash", "liveness"]
    results = [found("a", number, 1, check) for number, check in enumerate(checks)]
    (defect,) = score_of(results, "a").defects
    assert defect.check == "crash"
    assert defect.checks == {"crash": 2, "register": 1, "liveness": 1}


def test_exit_code_says_false_alarm_before_loss():
    good = score_of([found("a", number, 1) for number in range(4)], "a")
    bad = score_of([stopped("a", number, 5) for number in range(4)], "a")
    assert exit_code(good) == exit_code(bad) == 0
    bad.comparison = compare(good, bad, "x")
    assert exit_code(bad) == 7
    good.comparison = compare(bad, good, "x")
    assert exit_code(good) == 0
    clean = [stopped(None, 1, 5, undecided=1)]
    assert exit_code(score_of(clean, "a")) == 3
    red = Searched(None, None, 1, 5, 5, 1.0, 1, found("a", 1, 1).finds, 0)
    worse = score_of([stopped("a", 1, 5), red], "a")
    assert worse.clean[0].rate_below is None
    worse.comparison = compare(good, worse, "x")
    assert exit_code(worse) == 1
    worse.interrupted = True
    assert exit_code(worse) == 130


def test_comparison_tells_chance_from_change():
    def score(schedules: int):
        return score_of([found("a", number, schedules) for number in range(10)], "a")

    (same,) = compare(score(10), score(14), "x").changes
    (rarer,) = compare(score(10), score(100), "x").changes
    assert not same.shares_differ
    assert rarer.shares_differ
    other = score_of([found("b", 1, 1)], "b", ranges=1)
    beside = compare(score(10), other, "x")
    assert (beside.changes, beside.only_before, beside.only_now) == ([], ["a"], ["b"])
    assert beside.remarks == ["ranges of seeds: 10 then, 1 now"]


def test_stored_score_is_read_as_it_was(tmp_path):
    score = score_of([found("a", 1, 2), stopped("a", 2, 3), stopped(None, 1, 3)], "a")
    write_score(tmp_path / "score.json", score)
    assert read_score(tmp_path / "score.json") == score
    assert [path.name for path in tmp_path.iterdir()] == ["score.json"]


def test_table_has_the_quickest_first_and_says_what_is_only_known_from_below():
    results = [
        *(stopped("never", number, 50) for number in range(1, 4)),
        *(found("slow", number, 90) for number in range(1, 4)),
        *(found("quick", number, number) for number in range(1, 4)),
        *(stopped(None, number, 400) for number in range(1, 4)),
    ]
    lines = [text for text, _ in table_lines(score_of(results, "never", "slow", "quick"))]
    assert [line.split()[0] for line in lines[1:4]] == ["quick", "slow", "never"]
    assert "> 50" in lines[3]
    assert "found in at least half of the ranges: 2 of 3 defects" in lines[5]
    assert lines[5].endswith("missed: never")
    assert "0 red in 1200 schedules; the rate of false alarms is below 0.25%" in lines[6]


# As Markdown, and as the tables of the documentation


def with_checks(defect: str, first_seed: int, *checks: str) -> Searched:
    searched = found(defect, first_seed, 1, checks[0])
    find = msgspec.structs.replace(searched.finds[0], checks=checks)
    return msgspec.structs.replace(searched, finds=[find])


def test_markdown_has_a_row_a_defect_and_a_column_a_strategy():
    results = [found("a", 1, 3), found("a", 2, 5), stopped("b", 1, 40), found("b", 2, 9)]
    arms = (Arm("all", ARM.experiment), Arm("all-pct", ARM.experiment))
    with_arms = [msgspec.structs.replace(searched, strategy="all") for searched in results]
    with_arms.append(msgspec.structs.replace(found("a", 1, 7), strategy="all-pct"))
    score = score_of(with_arms, "a", "b", arms=arms, ranges=2)
    score.commit = "c0ffee"
    lines = markdown_lines(score)
    assert lines[:5] == [
        "| defect | all | all-pct |",
        "| --- | --- | --- |",
        "| `a` | 2/2, 0.30 | 1/1, 0.70 |",
        "| `b` | 1/2, 0.90 |  |",
        "| found | 2 defects, 3 searches | 1 defects, 1 searches |",
    ]
    assert lines[-1].endswith(
        "A search has at most 40 schedules. The clean engine: not run. Commit c0ffee."
    )


def test_tables_say_who_caught_what_and_who_alone():
    first, second = known_defects()[:2]
    score = score_of(
        [
            with_checks(first, 1, "register", "mirrors"),
            with_checks(first, 2, "register"),
            with_checks(first, 3, "register"),
            with_checks(second, 1, "crash"),
        ],
        first,
        second,
    )
    lines = caught_by(score)
    assert lines[2].startswith(f"| `{first}` | ")
    assert lines[2].endswith(" | register 3, mirrors 1 |")
    assert lines[3].endswith(" | crash 1 |")
    assert lines[4].endswith(" | not scored |")
    assert alone(score) == [
        "| check | alone in all | alone in most |",
        "| --- | --- | --- |",
        f"| `crash` | `{second}` | – |",
        f"| `register` | – | `{first}` |",
    ]


def test_commit_is_that_of_the_code_and_of_no_other_repository(tmp_path):
    commit = commit_of_code()
    if commit:
        assert len(commit.rstrip("+")) == 40
    assert commit_of_code(tmp_path) == ""
