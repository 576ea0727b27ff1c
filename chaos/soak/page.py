"""``soak.html``: the state of a soak, for a browser; one file that needs no network, rewritten every minute."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from chaos.base.estimates import NONE_SEEN_95
from chaos.checkers.finding import NAMES
from chaos.plan.faults import FAULTS
from chaos.plan.reach_vocabulary import REACH_NAMES, STATES, TIMES
from chaos.showing.wording.phrases import counted
from chaos.soak import plots
from chaos.soak.exposure import never_rows, reached_rows
from chaos.soak.plots import plots_of
from chaos.soak.state import Drift, SoakState

PAGE = "soak.html"
SLOPE_HOURS_MIN = 0.1  # over a shorter time, growth says nothing about an hour
SAMPLES_MIN = 3
NOT_YET = "–"


class Trend(msgspec.Struct, frozen=True):
    """The growth of a resource that must not grow: at the end of the warm-up, now, and in an hour."""

    what: str
    first: str
    last: str
    an_hour: str


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["below"] = below
    environment.filters["clock"] = clock
    environment.filters["number"] = number
    environment.filters["counted"] = counted_apart
    return environment.get_template("soak.html")


def page_of(state: SoakState) -> str:
    """Write the whole page."""
    groups = sorted(
        state.groups.values(), key=lambda group: (bool(group.same_as), group.first_seconds)
    )
    return _template().render(
        state=state,
        groups=groups,
        known=sorted(state.known.values(), key=lambda one: (-one.count, one.title)),
        names=NAMES,
        headline=headline(state),
        confidence=confidence(state),
        is_green=is_green(state),
        rate=state.runs / state.seconds if state.seconds else 0.0,
        plots=plots_of(state.drift),
        plot=plots,
        trends=trends_of(state.drift),
        not_yet=NOT_YET,
        minutes_min=round(60 * SLOPE_HOURS_MIN),
        faults=sorted(FAULTS),
        states={name: one.what for name, one in STATES.items()},
        reached=reached_rows(state),
        never=never_rows(state),
        crossed=lambda name, fault: state.reach.get(f"{name}{TIMES}{fault}", 0),
        happened=[(what, state.reach.get(name, 0)) for name, what in REACH_NAMES.items()],
    )


def is_green(state: SoakState) -> bool:
    """Return whether nothing failed, and every canary was caught."""
    return not state.groups and not any(one.missed for one in state.canaries)


def headline(state: SoakState) -> str:
    """Write the result in one sentence."""
    if not state.runs:
        return "No seed has run yet."
    missed = sum(one.missed for one in state.canaries)
    canaries = f" {counted_apart(missed, 'canary', 'canaries')} missed." if missed else ""
    runs, known = counted_apart(state.runs, "run"), state.known_total
    besides = f"; {number(known)} with known failures" if known else ""
    if not state.groups:
        return f"No {'new ' if known else ''}failure in {runs}{besides}.{canaries}"
    distinct = sum(1 for group in state.groups.values() if not group.same_as)
    failed = f"{number(state.failed)} of {runs} failed"
    return f"{failed}, with {counted(distinct, 'signature')}{besides}.{canaries}"


def confidence(state: SoakState) -> str:
    """Write the bound that the runs without a defect give, where none of them has failed."""
    clean = [lane for lane in state.lanes if not lane.spec.defects]
    runs, failed = sum(lane.judged for lane in clean), sum(lane.failed for lane in clean)
    if failed or not runs:
        return ""
    # Where all lanes are clean and nothing failed, the headline has the number of runs already.
    is_said = clean == state.lanes and not state.groups and not state.known
    none = "" if is_said else "No failure without a defect, in "
    which = f"{none}{counted_apart(runs, 'run')}. " if none else ""
    once_in = int(runs / NONE_SEEN_95)
    if once_in < 2:
        return f"{which}That is too few for a bound."
    return (
        f"{which}Anything that fails more often than once in {number(once_in)} runs would have "
        "shown, 95 %."
    )


def below(path: str, levels: int, name: str = "") -> str:
    """Return the last levels of a path, relative to the page's directory, or ``name`` in that directory.

    A run is in runs/EXPERIMENT/RUN, a shrunk one in failures/SIGNATURE/minimal.json.
    """
    parts = Path(path).parts[-levels:]
    if Path(path).suffix == ".json":
        parts = parts[:-1]
    return "/".join((*parts, name) if name else parts)


def clock(seconds: float) -> str:
    """Write hours, minutes and seconds."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def number(value: float) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,.0f}".replace(",", " ")


def counted_apart(value: int, noun: str, nouns: str = "") -> str:
    """Write a number with its thousands apart, and its noun."""
    return f"{number(value)} {noun if value == 1 else nouns or f'{noun}s'}"


def trends_of(drift: list[Drift]) -> list[Trend]:
    """Return the values at the end of the warm-up (a tenth of the time) and now, with the slope between them."""
    early, late = (drift[_warm(drift)], drift[-1]) if len(drift) >= SAMPLES_MIN else (None, None)
    return [
        _trend(what, field, early, late)
        for what, field in (
            ("memory of the controller, KiB", "controller_kib"),
            ("memory of the largest job process, KiB", "jobs_kib"),
            ("memory of the largest reactor, KiB", "reactors_kib"),
            ("descriptors of the controller", "descriptors"),
            ("processes", "processes"),
            ("segments of shared memory", "segments"),
        )
    ]


def _warm(drift: list[Drift]) -> int:
    return min(len(drift) - 2, max(1, len(drift) // 10))


def _trend(what: str, field: str, early: Drift | None, late: Drift | None) -> Trend:
    if early is None or late is None:
        return Trend(what, NOT_YET, NOT_YET, NOT_YET)
    before, after = getattr(early, field), getattr(late, field)
    hours = (late.seconds - early.seconds) / 3600.0
    slope = NOT_YET if hours < SLOPE_HOURS_MIN else f"{(after - before) / hours:+,.0f}"
    return Trend(what, number(before), number(after), slope.replace(",", " "))
