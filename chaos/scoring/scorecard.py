"""The score: the sums of searches, as values that are stored and compared with an earlier score."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from chaos.base.estimates import NONE_SEEN_95, Quantile, quantile, share_of
from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.scoring.score import Broken, Find, ScoreRequest, Searched
from workers.defects.loader import digest
from workers.protocol import DefectSource

FORMAT = "raidstorm score"
FORMAT_VERSION = 1
SCORE_BYTES_MAX = 64 * 1024 * 1024
RULES = (
    "found: in at least half of the ranges. share: of schedules with a find, over all ranges; (finds - 1) / "
    "(schedules - 1) if every range found, since a search stops at its first find. p50, p90: the values at ranks "
    "50 % and 90 % of the ranges; a search that was stopped without a find counts as slower than any find, and the "
    "value at its rank has only a lower bound. seconds: of one processor."
)


class ScoreError(Exception):
    """A score can't be read or written; the message is one sentence."""


class Spread(msgspec.Struct, frozen=True):
    """The quantiles up to the first find, over the ranges."""

    p50: Quantile
    p90: Quantile


class SearchLine(msgspec.Struct, frozen=True):
    """One search for one defect: schedules, steps and seconds up to the find, or up to its stop."""

    first_seed: int
    found_seed: int | None
    schedules: int
    steps: int
    seconds: float
    check: str
    signature: str
    strategies: tuple[str, ...]  # those that the found seed drew
    checks: tuple[str, ...] = ()  # all checks with a finding


class DefectScore(msgspec.Struct, kw_only=True):
    """The score of one defect, with one strategy."""

    id: str
    sha256: str
    strategy: str | None
    found: bool
    ranges_found: int
    ranges: int
    share: float
    share_low: float
    share_high: float
    check: str  # the check with most finds; empty without a find
    checks: dict[str, int]
    schedules: Spread
    steps: Spread
    seconds: Spread
    schedules_run: int
    steps_run: int
    seconds_run: float
    undecided: int
    searches: list[SearchLine]
    replay: str = ""  # of the first find


class Red(msgspec.Struct, frozen=True):
    """A red run of the clean engine: a false alarm, or a fault of the engine."""

    seed: int
    verdict: str
    check: str
    signature: str
    summary: str
    replay: str


class CleanScore(msgspec.Struct, kw_only=True):
    """The clean engine on the same seeds."""

    strategy: str | None
    schedules: int
    steps: int
    seconds: float
    red: int
    rate_below: float | None  # with 95 % confidence; None if there is a red run
    undecided: int
    reds: list[Red]


class Change(msgspec.Struct, frozen=True):
    """A defect in both scores."""

    id: str
    strategy: str | None
    was_found: bool
    is_found: bool
    seconds_p50_before: Quantile
    seconds_p50: Quantile
    share_before: float
    share: float
    shares_differ: bool  # by more than chance: their 95 % intervals don't overlap

    @property
    def lost(self) -> bool:
        """Return whether it was found before and is missed now."""
        return self.was_found and not self.is_found


class Comparison(msgspec.Struct, frozen=True):
    """The comparison with an earlier score."""

    file: str
    changes: list[Change]
    only_before: list[str]
    only_now: list[str]
    remarks: list[str]  # different conditions


class Score(msgspec.Struct, kw_only=True):
    """The score that ``--format json`` prints, ``--out`` writes and ``--compare`` reads."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    raidstorm_version: str
    commit: str = ""  # of the code, with a "+" if files differ from it; empty without a repository
    experiment: str
    driver: str = "sim"
    strategies: list[str | None]
    first_seeds: list[int]
    seeds_max: int | None
    seconds_max: float | None
    jobs: int
    rules: str = RULES
    defects: list[DefectScore] = []
    clean: list[CleanScore] = []
    comparison: Comparison | None = None
    broken: list[Broken] = []
    differences: list[str] = []  # runs with another result when they were repeated to be kept
    wall_seconds: float = 0.0
    interrupted: bool = False
    error: str = ""
    exit_code: int = 0

    @property
    def lost(self) -> list[Change]:
        """The defects found before and missed now."""
        if self.comparison is None:
            return []
        return [change for change in self.comparison.changes if change.lost]


def summarize(
    request: ScoreRequest, experiment: str, version: str, results: list[Searched]
) -> Score:
    """Add searches up, in any order."""
    score = Score(
        raidstorm_version=version,
        experiment=experiment,
        strategies=[arm.strategy for arm in request.arms],
        first_seeds=request.first_seeds(),
        seeds_max=request.seeds,
        seconds_max=request.seconds,
        jobs=request.jobs,
    )
    results = sorted(results, key=lambda searched: searched.first_seed)
    score.broken = [broken for searched in results for broken in searched.broken]
    for arm in request.arms:
        mine = [searched for searched in results if searched.strategy == arm.strategy]
        for defect in request.defects:
            searches = [searched for searched in mine if searched.defect == defect.id]
            if searches:
                score.defects.append(_defect_score(defect, arm.strategy, searches))
        clean = [searched for searched in mine if searched.defect is None]
        if clean:
            score.clean.append(_clean_score(arm.strategy, clean))
    return score


def _defect_score(
    defect: DefectSource, strategy: str | None, searches: list[Searched]
) -> DefectScore:
    finds = [searched.finds[0] for searched in searches if searched.finds]
    schedules = sum(searched.schedules for searched in searches)
    share = share_of(len(finds), len(searches), schedules)
    # The most frequent first; among equals, the one that appeared first.
    checks = dict(Counter(find.check for find in finds).most_common())
    return DefectScore(
        id=defect.id,
        sha256=digest(defect),
        strategy=strategy,
        found=2 * len(finds) >= len(searches),
        ranges_found=len(finds),
        ranges=len(searches),
        share=share.value,
        share_low=share.low,
        share_high=share.high,
        check=next(iter(checks), ""),
        checks=checks,
        schedules=_spread(searches, [searched.schedules for searched in searches]),
        steps=_spread(searches, [searched.steps for searched in searches]),
        seconds=_spread(searches, [round(searched.seconds, 4) for searched in searches]),
        schedules_run=schedules,
        steps_run=sum(searched.steps for searched in searches),
        seconds_run=round(sum(searched.seconds for searched in searches), 4),
        undecided=sum(searched.undecided for searched in searches),
        searches=[_search_line(searched) for searched in searches],
    )


def _spread(searches: list[Searched], used: list[float] | list[int]) -> Spread:
    pairs = list(zip(searches, used, strict=True))
    finds: list[float] = [value for searched, value in pairs if searched.finds]
    stopped: list[float] = [value for searched, value in pairs if not searched.finds]
    return Spread(quantile(finds, stopped, 50), quantile(finds, stopped, 90))


def _search_line(searched: Searched) -> SearchLine:
    find = searched.finds[0] if searched.finds else None
    return SearchLine(
        first_seed=searched.first_seed,
        found_seed=find.seed if find is not None else None,
        schedules=searched.schedules,
        steps=searched.steps,
        seconds=round(searched.seconds, 4),
        check=find.check if find is not None else "",
        signature=find.signature if find is not None else "",
        strategies=find.strategies if find is not None else (),
        checks=find.checks if find is not None else (),
    )


def _clean_score(strategy: str | None, searches: list[Searched]) -> CleanScore:
    schedules = sum(searched.schedules for searched in searches)
    red = sum(searched.red for searched in searches)
    return CleanScore(
        strategy=strategy,
        schedules=schedules,
        steps=sum(searched.steps for searched in searches),
        seconds=round(sum(searched.seconds for searched in searches), 4),
        red=red,
        rate_below=min(1.0, NONE_SEEN_95 / schedules) if schedules and not red else None,
        undecided=sum(searched.undecided for searched in searches),
        reds=[as_red(find) for searched in searches for find in searched.finds],
    )


def as_red(find: Find, replay: str = "") -> Red:
    """Return a red clean run in the form of the report."""
    return Red(find.seed, find.verdict, find.check, find.signature, find.summary, replay)


def exit_code(score: Score) -> int:
    """Return the exit code: a red clean engine or a lost defect fails the score, a missed defect doesn't."""
    if score.interrupted:
        return 130
    verdicts = [Verdict.VALID]
    if any(clean.red for clean in score.clean):
        verdicts.append(Verdict.INVALID)
    if any(clean.undecided for clean in score.clean):
        verdicts.append(Verdict.UNKNOWN)
    if score.differences:
        verdicts.append(Verdict.NONDETERMINISM)
    if score.lost:
        verdicts.append(Verdict.NOT_EXERCISED)
    if score.error or score.broken:
        verdicts.append(Verdict.BROKEN)
    return int(worst(verdicts))


def read_score(path: Path) -> Score:
    """Read a stored score; raise ScoreError if that fails."""
    try:
        if path.stat().st_size > SCORE_BYTES_MAX:
            raise ScoreError(f"{path} is too large to be a score")
        data = path.read_bytes()
    except OSError as error:
        raise ScoreError(f"{path} can't be read: {error.strerror}") from None
    try:
        score = msgspec.json.decode(data, type=Score)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScoreError(f"{path} is not a raidstorm score: {error}") from None
    if (score.format, score.format_version) != (FORMAT, FORMAT_VERSION):
        raise ScoreError(f"{path} is not a raidstorm score of version {FORMAT_VERSION}")
    return score


def write_score(path: Path, score: Score) -> None:
    """Write the file whole, or leave the old one and raise ScoreError."""
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(score), indent=2) + b"\n")
        unfinished.replace(path)
    except OSError as error:
        raise ScoreError(f"{path} can't be written: {error.strerror}") from None
