"""What a person reads on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from chaos.campaigns.campaign import Failure, Report
from chaos.campaigns.runner import RunResult
from chaos.checkers import Verdict
from chaos.checkers.finding import NAMES
from chaos.plan.reach_vocabulary import CROSSINGS, STATES, is_known

SHOWN_FAILURES_MAX = 3
SEEDS_SHOWN_MAX = 12
SHOWN_DIVERGED_MAX = 3


class Screen:
    """Results on stdout; progress on stderr, when that is a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.out = Console(highlight=False, soft_wrap=True)
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str = "", style: str | None = None) -> None:
        """A line of the report."""
        if not self.quiet:
            self.out.print(text, style=style, markup=False)

    def progress(self, description: str, total: int | None) -> Progress:
        """A progress bar; nothing where there is no terminal."""
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.errors,
            transient=True,
            disable=self.quiet or not self.errors.is_terminal,
        )
        progress.add_task(description, total=total, state="")
        return progress

    def report(self, report: Report, expect_code: int = 0) -> None:
        """The end of one campaign."""
        code = report.exit_code
        style = "green" if code == expect_code else "red"
        name = NAMES.get(code, str(code))
        if code == expect_code != 0:
            name += ", as it must be"
        rate = report.steps / report.seconds if report.seconds else 0
        self.say(
            f"{name}: {_runs(report.runs)} in {report.seconds:.1f} s ({rate:,.0f} steps/s): "
            f"{report.valid} valid, {report.invalid} invalid, {report.unknown} unknown, "
            f"{report.crashed} crashed, {report.hung} hung",
            style,
        )
        happened = [
            f"{count} {reach.replace('_', ' ')}"
            for reach, count in report.reach.items()
            if count and not is_known(reach)
        ]
        states = [f"{report.reach[name]} {name}" for name in STATES if name in report.reach]
        crossed = sum(1 for name in CROSSINGS if name in report.reach)
        if happened:
            self.say("  happened: " + ", ".join(happened), "dim")
        if states:
            self.say(
                f"  states: {', '.join(states)}; {crossed} of {len(CROSSINGS)} pairs of a state and "
                "a fault that came in it",
                "dim",
            )
        held = report.resources
        if held is not None:
            self.say(
                f"  held from run to run (first, last): descriptors {_pair(held.descriptors)}, "
                f"processes {_pair(held.processes)}, segments {_pair(held.segments)}, "
                f"memory {_pair(held.memory_kib)} KiB "
                f"(slope {held.memory_slope_kib_per_run:+.1f} KiB a run)",
                "dim",
            )
            for kind, theirs in held.below.items():
                self.say(
                    f"  held by {kind} processes: {_pair(theirs.processes)} of them, at most "
                    f"descriptors {_pair(theirs.descriptors)}, memory {_pair(theirs.memory_kib)} KiB "
                    f"(slope {theirs.memory_slope_kib_per_run:+.1f} KiB a run)",
                    "dim",
                )
        self._fidelity(report)
        if report.gate_not_judged:
            self.say("  too few runs to judge what the experiment must reach", "dim")
        if report.missing:
            self.say("  not reached: " + ", ".join(report.missing), "red")
        if report.error:
            self.say(f"  {report.error}", "red")
        if report.interrupted:
            self.say("  interrupted; what had run until then is reported", "yellow")
        self._failures(report)

    def _fidelity(self, report: Report) -> None:
        fidelity = report.fidelity
        if fidelity is None:
            return
        each = fidelity.seconds / fidelity.runs
        self.say(
            f"  replayed in sim: {fidelity.same} of {_runs(fidelity.runs)} have the same events "
            f"({each:.2f} s a run)",
            "dim",
        )
        for run in fidelity.diverged[:SHOWN_DIVERGED_MAX]:
            self.say(f"    seed {run.seed} parts at step {run.step}: {run.what}", "dim")
        more = fidelity.runs - fidelity.same - SHOWN_DIVERGED_MAX
        if more > 0:
            self.say(f"    and {more} more", "dim")

    def _failures(self, report: Report) -> None:
        groups: dict[str, list[Failure]] = {}
        for failure in report.failures:
            groups.setdefault(failure.signature, []).append(failure)
        for signature, failures in list(groups.items())[:SHOWN_FAILURES_MAX]:
            first = failures[0]
            self.say()
            self.say(f"  {NAMES[first.code]} in {_runs(len(failures))}: {signature}", "bold")
            self.say(f"  seed {first.seed}: {first.summary}")
            if len(failures) > 1:
                others = ", ".join(str(failure.seed) for failure in failures[1:SEEDS_SHOWN_MAX])
                more = ", ..." if len(failures) > SEEDS_SHOWN_MAX else ""
                self.say(f"  also seeds {others}{more}")
            for line in first.story:
                self.say(f"    {line}")
            self.say(f"  replay: {first.replay}", "bold")
        if len(groups) > SHOWN_FAILURES_MAX:
            self.say(f"  and {len(groups) - SHOWN_FAILURES_MAX} more signatures; see index.jsonl")


def _pair(values: tuple[int, int]) -> str:
    return f"{values[0]}, {values[1]}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def state_of(result: RunResult, failed: int) -> str:
    """What the progress bar shows."""
    latest = "" if result.verdict is Verdict.VALID else f", newest: {NAMES[int(result.verdict)]}"
    return f"{failed} failed{latest}" if failed else "all valid"
