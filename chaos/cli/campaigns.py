"""What the commands ``run`` and ``suite`` have in common: campaigns one after the other, a row for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaos.base.interrupt import Interrupt
from chaos.base.process_pool import Pool
from chaos.campaigns.campaign import CampaignRequest, Report, run_campaign
from chaos.campaigns.known import links_of, read_known
from chaos.campaigns.runner import RunResult
from chaos.campaigns.suite import Facet
from chaos.campaigns.suite_run import FacetOutcome, Part, not_run, prepare
from chaos.checkers import Verdict
from chaos.checkers.finding import NAMES
from chaos.cli.canary import show_canary
from chaos.cli.parameters import Catalog, command_name, named_target
from chaos.cli.result_details import detail_lines
from chaos.cli.result_failures import failure_lines
from chaos.cli.result_rows import STYLES, row, widths_of
from chaos.cli.screen import Screen, count


def looked_up(
    catalog: Catalog, facets: Sequence[Facet], jobs: int, out: str, known: Sequence[str] = ()
) -> list[Part]:
    """Look all facets up before the first one runs; ``known`` are files of known failures."""
    entries = read_known(known)
    return [
        prepare(
            catalog.experiments,
            catalog.suites,
            facet,
            jobs=jobs,
            out=out,
            program=command_name(),
            target=named_target(),
            known=entries,
        )
        for facet in facets
    ]


def campaigns_on(
    screen: Screen, interrupt: Interrupt, open_pool: Callable[[], Pool] | None = None
) -> Callable[[CampaignRequest, int], Report]:
    """Return what runs a campaign with its progress on the screen; over a pool where one can be opened."""

    def run(request: CampaignRequest, _expect_code: int) -> Report:
        failed = 0
        name = f"{request.spec.experiment.name}  {request.spec.driver}"
        with screen.progress(name, request.seeds) as bar:

            def show(result: RunResult) -> None:
                nonlocal failed
                failed += result.is_failure
                bar.advance(state_of(result, failed))

            return run_campaign(request, interrupt, show, open_pool and open_pool())

    return run


def state_of(result: RunResult, failed: int) -> str:
    """Return what stands beside the progress bar."""
    is_green = result.known or result.verdict is Verdict.VALID
    latest = "" if is_green else f", newest: {NAMES[int(result.verdict)]}"
    return f"{failed} failed{latest}" if failed else "no failure"


class Rows:
    """A row for each campaign as it ends; at the end what failed, and the canaries that were caught."""

    def __init__(self, screen: Screen, parts: Sequence[Part], names: Sequence[str]) -> None:
        self._screen = screen
        self._parts = parts
        self._names = dict(zip((part.facet.name for part in parts), names, strict=True))
        drivers = [part.facet.driver for part in parts]
        self._widths = widths_of(names, drivers, [part.facet.seeds for part in parts])
        self._ended: list[tuple[FacetOutcome, Report | None]] = []

    @property
    def outcomes(self) -> list[FacetOutcome]:
        """Return the outcomes so far."""
        return [outcome for outcome, _ in self._ended]

    @property
    def seconds(self) -> float:
        """Return how long the campaigns took."""
        return sum(one.seconds for one in self.outcomes if not one.taken_over_from)

    def end(self, outcome: FacetOutcome, report: Report | None) -> None:
        """Print the row of a campaign; one that was taken over from an earlier suite has no report."""
        self._ended.append((outcome, report))
        is_alone = len(self._parts) == 1
        text = row(
            outcome,
            self._names[outcome.name],
            self._widths,
            with_notes=not self._screen.is_quiet,
        )
        (self._screen.verdict if is_alone else self._screen.say)(text, STYLES[outcome.state])
        if outcome.error and outcome.failures:
            self._screen.say(f"  {outcome.error}", "red")
        if report is not None and self._screen.is_verbose:
            spec = self._parts[len(self._ended) - 1].request.spec
            for line in detail_lines(report, spec.experiment, links_of(spec.known)):
                self._screen.detail(line)

    def close(self) -> None:
        """Print a row for each campaign whose turn did not come."""
        for part in self._parts[len(self._ended) :]:
            outcome = not_run(part)
            text = row(outcome, self._names[outcome.name], self._widths)
            self._screen.say(text, STYLES[outcome.state])

    def show_failures(self) -> None:
        """Print the blocks of all failures, in the order of the rows."""
        for outcome in self.outcomes:
            for line, style in failure_lines(outcome):
                self._screen.say(line, style)

    def show_canaries(self, interrupt: Interrupt) -> None:
        """Print the story of each failure that was expected and came, shrunk."""
        for outcome, report in self._ended:
            is_caught = outcome.state == "passed" and outcome.facet.expect_code
            if report is not None and is_caught and not self._screen.is_quiet:
                show_canary(self._screen, report, command_name(), interrupt)


def total_line(
    outcomes: Sequence[FacetOutcome], of: int, code: int, seconds: float, gates_missed: int = 0
) -> str:
    """Return the line below the rows; ``gates_missed`` are those of whole suites."""
    passed = sum(1 for one in outcomes if one.state == "passed")
    not_ended = of - sum(1 for one in outcomes if one.state in ("passed", "failed"))
    rest = f", {not_ended} not run to the end" if not_ended else ""
    word = "PASS" if code == 0 else "STOP" if code == 130 else "FAIL"
    verdict = f"   {NAMES[code]}" if word == "FAIL" else ""
    facets = ""
    if gates_missed:
        facets = " facet" if of == 1 else " facets"
        rest += f", {count(gates_missed, 'gate')} of the suite not reached"
    return f"{word}  {passed} of {of}{facets} as expected{rest}  {seconds:.1f} s{verdict}"
