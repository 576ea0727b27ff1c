"""Facets run one after the other, with their outcomes. Both ``run`` and ``suite`` use this module."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from chaos.base.interrupt import Interrupt
from chaos.campaigns.campaign import CampaignRequest, Failure, Report
from chaos.campaigns.catalog import find_experiment
from chaos.campaigns.fidelity import Fidelity
from chaos.campaigns.known import KnownFailure
from chaos.campaigns.reached import NeverCame, ReachedIn, add_never_came, add_reached
from chaos.campaigns.runner import RunSpec
from chaos.campaigns.suite import Facet, Suite
from chaos.checkers import Verdict
from chaos.checkers.finding import NAMES, worst
from chaos.judging.reach.count import add_reach
from chaos.judging.user_checks import load_check
from chaos.plan.experiment import Experiment, ExperimentError
from chaos.plan.target_id import TargetId
from workers.defects.loader import compose, digest, read_defect

INTERRUPTED = 130
SEEDS_FIRST_MAX = 20  # of the failing seeds of an earlier suite
COUNTS = ("seeds", "runs", "valid", "invalid", "unknown", "crashed", "hung", "steps")


class Part(msgspec.Struct, frozen=True):
    """A facet with all of its references resolved."""

    facet: Facet
    request: CampaignRequest
    definition: str  # a digest of experiment, facet, and the code of the defects


class FacetOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One facet in a suite's summary.

    ``code`` is the facet's part of the suite's exit code: 0 when it is as expected. ``exit_code`` is that of its campaign,
    or None when it was not run.
    """

    name: str
    facet: Facet
    definition: str
    state: str  # passed, failed, interrupted, not run
    code: int = 0
    exit_code: int | None = None
    verdict: str = ""
    why: str = ""  # the reason why it is not as expected
    missing: list[str] = []
    gate_not_judged: bool = False
    runs: int = 0
    valid: int = 0
    invalid: int = 0
    unknown: int = 0
    crashed: int = 0
    hung: int = 0
    known: dict[str, int] = {}  # runs with a known failure, by its title
    steps: int = 0
    seconds: float = 0.0
    reach: dict[str, int] = {}
    reached_in: dict[str, ReachedIn] = {}
    never_came: dict[str, NeverCame] = {}
    sequence_items: int = 0
    failures: list[Failure] = []
    failures_left_out: int = 0
    error: str = ""
    seeds_run_first: list[int] = []  # the seeds that failed in the suite that is run again
    taken_over_from: str = ""  # the directory of that suite, where it was as expected

    @property
    def judged(self) -> int:
        """Return how many runs were not cut short by a known failure."""
        return self.runs - sum(self.known.values())


def prepare(
    experiments: Mapping[str, Experiment],
    suites: Mapping[str, Suite],
    facet: Facet,
    *,
    jobs: int,
    out: str,
    program: str,
    target: TargetId | None = None,
    known: Sequence[KnownFailure] = (),
) -> Part:
    """Resolve all names of a facet, so that a typing error shows at once and not after an hour.

    A facet that must fail has no known failures: its failures are what it is for.
    """
    if target is not None:
        facet = msgspec.structs.replace(facet, driver="native")
    elif facet.driver == "native":
        raise ExperimentError(
            "the driver native needs a target: --spdk DIR, or --target LIB.so or FILE.c"
        )
    if target is not None and facet.defects:
        raise ExperimentError(
            f"{facet.name} has defects, which are variants of the built-in engine, and this run has a target of "
            "its own; leave them out"
        )
    sources = tuple(read_defect(name) for name in facet.defects)
    compose(sources)
    assert isinstance(facet.experiment, str), "values have become references"
    experiment = find_experiment(facet.experiment, experiments, suites)
    for path in experiment.checks:
        load_check(path)
    version = None if target is None else target.version
    whole = [facet, experiment, [digest(source) for source in sources]]
    spec = RunSpec(
        experiment=experiment,
        driver=facet.driver,
        target=target,
        defects=sources,
        defect_arguments=facet.defects,
        experiment_argument=facet.experiment,
        program=program,
        out=out,
        known=() if facet.expect_code else tuple(one for one in known if one.is_for(version)),
    )
    request = CampaignRequest(
        spec=spec,
        first_seed=facet.first_seed,
        seeds=facet.seeds,
        seconds=facet.seconds,
        jobs=jobs,
        stop_on_first=facet.stop_on_first,
    )
    return Part(facet, request, hashlib.sha256(msgspec.json.encode(whole)).hexdigest())


def not_run(part: Part) -> FacetOutcome:
    """Return the outcome of a facet that has not started."""
    return FacetOutcome(
        name=part.facet.name, facet=part.facet, definition=part.definition, state="not run"
    )


def run_parts(
    parts: Sequence[Part],
    interrupt: Interrupt,
    run: Callable[[CampaignRequest, int], Report],
    before: Mapping[str, FacetOutcome] | None = None,
) -> Iterator[tuple[Part, Report | None, FacetOutcome]]:
    """Run facet after facet until all have run or the user wants to stop; ``run`` runs one campaign.

    ``before``: the earlier outcomes, by name. A facet that was as expected, and has not changed since, is not run and has
    no report.
    """
    for part in parts:
        if interrupt.requested:
            return
        earlier = (before or {}).get(part.facet.name)
        if earlier is not None and earlier.state == "passed":
            if earlier.definition == part.definition and _knows(part, earlier):
                yield part, None, earlier
                continue
            earlier = None
        first = _failing_seeds(part, earlier)
        report = _run_first(part, first, run)
        if report is None or not (report.failures or report.interrupted or report.error):
            report = run(part.request, part.facet.expect_code)
        yield part, report, outcome_of(part, report, first)


def _knows(part: Part, earlier: FacetOutcome) -> bool:
    """Return whether the failures that did not count then don't count now."""
    return set(earlier.known) <= {one.title for one in part.request.spec.known}


def _failing_seeds(part: Part, earlier: FacetOutcome | None) -> list[int]:
    """Return the seeds that failed earlier and can be run alone; a facet that must fail has none."""
    if earlier is None or part.facet.expect_code != 0:
        return []
    seeds = sorted({failure.seed for failure in earlier.failures})
    if part.facet.seeds is not None:
        first = part.facet.first_seed
        seeds = [seed for seed in seeds if first <= seed < first + part.facet.seeds]
    return seeds[:SEEDS_FIRST_MAX]


def _run_first(
    part: Part, seeds: list[int], run: Callable[[CampaignRequest, int], Report]
) -> Report | None:
    """Run the seeds that failed earlier, each as a campaign of its own; return None when there are none."""
    reports = []
    for seed in seeds:
        request = msgspec.structs.replace(
            part.request, first_seed=seed, seeds=1, seconds=None, jobs=1
        )
        reports.append(run(request, 0))
        if reports[-1].interrupted:
            break
    return joined(reports, part.request.spec.experiment.name) if reports else None


def outcome_of(part: Part, report: Report, seeds_run_first: list[int]) -> FacetOutcome:
    """Return the outcome of a facet that has ended."""
    facet = part.facet
    code, missing, why = judge_facet(facet, report)
    ended = "failed" if code else "passed"
    return FacetOutcome(
        name=facet.name,
        facet=facet,
        definition=part.definition,
        state="interrupted" if report.interrupted else ended,
        code=code,
        exit_code=report.exit_code,
        verdict=NAMES.get(report.exit_code, str(report.exit_code)),
        why=why,
        missing=missing,
        gate_not_judged=report.gate_not_judged,
        runs=report.runs,
        valid=report.valid,
        invalid=report.invalid,
        unknown=report.unknown,
        crashed=report.crashed,
        hung=report.hung,
        known=report.known,
        steps=report.steps,
        seconds=report.seconds,
        reach={name: count for name, count in report.reach.items() if count},
        reached_in=report.reached_in,
        never_came=report.never_came,
        sequence_items=report.sequence_items,
        failures=report.failures,
        failures_left_out=report.failures_left_out,
        error=report.error,
        seeds_run_first=seeds_run_first,
    )


def judge_facet(facet: Facet, report: Report) -> tuple[int, list[str], str]:
    """Return a facet's code (0 when it is as expected), the gates that it missed, and why it is not as expected.

    A facet that must fail and doesn't is a canary that was not caught.
    """
    code, expected = report.exit_code, facet.expect_code
    not_exercised = int(Verdict.NOT_EXERCISED)
    if code == INTERRUPTED:
        return 0, report.missing, "it was interrupted"
    if expected and code == 0:
        return not_exercised, [], f"it must end with {expected}, but there was no failure"
    if code != expected:
        must = f"; it must end with {expected}" if expected else ""
        why = NAMES[code] + must
        if report.missing:
            why = f"not reached: {', '.join(report.missing)}{must}"
        return code, report.missing, why
    if report.runs == 0:
        return not_exercised, [], "its time ended before the first run"
    missing = missing_of(facet.reach, report.reach)
    if missing:
        return not_exercised, missing, f"not reached: {', '.join(missing)}"
    return 0, [], ""


def missing_of(gates: Mapping[str, int], reach: Mapping[str, int]) -> list[str]:
    """Return the gates that were not reached, with the counts."""
    return [
        f"{name}: {reach.get(name, 0)} of {wanted}"
        for name, wanted in gates.items()
        if reach.get(name, 0) < wanted
    ]


def reached_by(outcomes: Sequence[FacetOutcome]) -> dict[str, int]:
    """Return the reach of all facets together; one that must fail has another engine, and doesn't count."""
    reach: dict[str, int] = {}
    for one in outcomes:
        if one.facet.expect_code == 0:
            add_reach(reach, one.reach)
    return reach


def joined(reports: Sequence[Report], name: str) -> Report:
    """Join several reports to one, with the most severe code."""
    total = Report(
        name,
        ",".join(sorted({report.driver for report in reports})),
        reports[0].first_seed,
    )
    for report in reports:
        for field in COUNTS:
            setattr(total, field, getattr(total, field) + getattr(report, field))
        if report.fidelity is not None:
            total.fidelity = (total.fidelity or Fidelity()).joined(report.fidelity)
        total.seconds = round(total.seconds + report.seconds, 3)
        add_reach(total.reach, report.reach)
        add_reached(total.reached_in, report.reached_in)
        add_never_came(total.never_came, report.never_came)
        total.sequence_items = max(total.sequence_items, report.sequence_items)
        add_reach(total.known, report.known)
        total.known_runs = {**report.known_runs, **total.known_runs}
        total.failures = [*total.failures, *report.failures]
        total.missing = [*total.missing, *report.missing]
        total.failures_left_out += report.failures_left_out
        total.interrupted = total.interrupted or report.interrupted
        total.error = total.error or report.error
    codes = [report.exit_code for report in reports if report.exit_code != INTERRUPTED]
    total.exit_code = (
        INTERRUPTED if total.interrupted else int(worst([Verdict(code) for code in codes]))
    )
    return total
