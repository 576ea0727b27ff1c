"""What -v adds below a campaign's line: verdicts, what happened, states, resources held, fidelity. In columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaos.base.resources import HeldResources, Resources
from chaos.campaigns.campaign import Report
from chaos.campaigns.fidelity import Fidelity
from chaos.campaigns.reached import in_runs, never_words
from chaos.cli.screen import count
from chaos.plan.experiment import Experiment
from chaos.plan.reach_vocabulary import CROSSINGS, STATES, is_known, item_counted, sequence_item

WIDTH = 100  # characters
LABEL = 10  # characters
SHOWN_DIVERGED_MAX = 3


def detail_lines(
    report: Report, experiment: Experiment | None = None, links: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yield the lines, indented, each block with its label in front; ``links`` are those of known failures."""
    rate = report.steps / report.seconds if report.seconds else 0
    verdicts = {
        kind: getattr(report, kind) for kind in ("valid", "invalid", "unknown", "crashed", "hung")
    }
    last = report.first_seed + max(report.seeds, 1) - 1
    yield f"  {'seeds':<{LABEL}}{report.first_seed}..{last}, {report.steps:,} steps ({rate:,.0f} steps/s)"
    yield from _block("verdicts", verdicts)
    yield from _known(report, links or {})
    happened = {
        reach.replace("_", " "): number
        for reach, number in report.reach.items()
        if number and not (is_known(reach) or item_counted(reach))
    }
    yield from _block("happened", happened)
    yield from _block(
        "states", {name: report.reach[name] for name in STATES if name in report.reach}
    )
    crossed = sum(1 for name in CROSSINGS if name in report.reach)
    if crossed:
        yield f"  {'pairs':<{LABEL}}{crossed} of {len(CROSSINGS)} pairs of a state and a fault that came in it"
    yield from _reached(report, experiment)
    if report.resources is not None:
        yield from _resources(report.resources)
    if report.fidelity is not None:
        yield from _fidelity(report.fidelity)


def _block(label: str, counts: Mapping[str, int]) -> Iterator[str]:
    """Yield counts with their names, as many side by side as there is room for."""
    if not counts:
        return
    digits = max(len(f"{number:,}") for number in counts.values())
    cells = [f"{number:>{digits},} {name}" for name, number in counts.items()]
    for number, line in enumerate(in_columns(cells, WIDTH - LABEL - 2)):
        yield f"  {'' if number else label:<{LABEL}}{line}"


def _known(report: Report, links: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each title of known failures: runs, title, link, and the run that is kept."""
    digits = max((len(f"{number:,}") for number in report.known.values()), default=0)
    for place, (title, number) in enumerate(report.known.items()):
        words = [title, links.get(title, ""), report.known_runs.get(title, "")]
        label = "" if place else "known"
        yield f"  {label:<{LABEL}}{number:>{digits},} {'  '.join(filter(None, words))}"


def _reached(report: Report, experiment: Experiment | None) -> Iterator[str]:
    """Yield a line for each gate and each item of the sequence, and then what was planned and never came."""
    lines = []
    if experiment is not None:
        items = experiment.sequence[: report.sequence_items]
        names = {name: name for name in (*experiment.reach, *experiment.reach_per_run)}
        names |= {
            sequence_item(number): f"{sequence_item(number)}, {act.kind},"
            for number, act in enumerate(items, 1)
        }
        lines += [
            f"{shown} {in_runs(report.reached_in.get(name), report.judged)}"
            for name, shown in names.items()
        ]
    yield from _labelled("reached", lines)
    never = [f"{words} never came" for words in never_words(report.never_came)]
    yield from _labelled("planned", never)


def _labelled(label: str, lines: list[str]) -> Iterator[str]:
    for place, line in enumerate(lines):
        yield f"  {'' if place else label:<{LABEL}}{line}"


def in_columns(cells: list[str], room: int) -> list[str]:
    """Return the cells as lines of aligned columns, to be read line by line."""
    width = max(map(len, cells)) + 2
    across = max(1, room // width)
    return [
        "".join(f"{cell:<{width}}" for cell in cells[begin : begin + across]).rstrip()
        for begin in range(0, len(cells), across)
    ]


def _resources(held: Resources) -> Iterator[str]:
    """Yield a table: what this process and those below it held after the first runs and after the last one."""
    head = f"{'descriptors':>14}{'processes':>12}{'segments':>12}{'memory, KiB':>20}{'slope, KiB a run':>19}"
    yield f"  {'held':<{LABEL}}{'':<12}{head}"
    yield _held_row("this", held, _pair(held.segments))
    for kind, theirs in held.below.items():
        yield _held_row(kind, theirs, "")


def _held_row(kind: str, held: Resources | HeldResources, segments: str) -> str:
    return (
        f"  {'':<{LABEL}}{kind:<12}{_pair(held.descriptors):>14}{_pair(held.processes):>12}{segments:>12}"
        f"{_pair(held.memory_kib):>20}{held.memory_slope_kib_per_run:>+19.1f}"
    )


def _pair(values: tuple[int, int]) -> str:
    return f"{values[0]:,} > {values[1]:,}"


def _fidelity(fidelity: Fidelity) -> Iterator[str]:
    each = fidelity.seconds / fidelity.runs
    yield (
        f"  {'replayed':<{LABEL}}in sim: {fidelity.same} of {count(fidelity.runs, 'run')} have the same events "
        f"({each:.2f} s a run)"
    )
    for run in fidelity.diverged[:SHOWN_DIVERGED_MAX]:
        yield f"  {'':<{LABEL}}seed {run.seed} diverges at step {run.step}: {run.what}"
    more = fidelity.runs - fidelity.same - SHOWN_DIVERGED_MAX
    if more > 0:
        yield f"  {'':<{LABEL}}and {more} more"
