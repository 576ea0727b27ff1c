"""``soak.html``: what a soak has come to, for a browser; one file without network, rewritten every minute."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from chaos.checkers.finding import NAMES
from chaos.plan.faults import FAULTS
from chaos.plan.reach_vocabulary import REACH_NAMES, STATES, TIMES
from chaos.soak.state import Drift, SoakState, green_line

PAGE = "soak.html"
WIDTH, HEIGHT = 560, 110
MIB = 1024
SLOPE_HOURS_MIN = 0.1  # what grew in less says nothing of an hour


class Plot(msgspec.Struct, frozen=True):
    """A line over the time of the soak, as an SVG path within WIDTH x HEIGHT."""

    title: str
    path: str
    first: str
    last: str
    most: str


class Trend(msgspec.Struct, frozen=True):
    """How something that must not grow has grown: at the end of the warm-up, and now."""

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
    environment.filters["clock"] = clock
    environment.filters["number"] = number
    return environment.get_template("soak.html")


def page_of(state: SoakState) -> str:
    """The whole page."""
    groups = sorted(
        state.groups.values(), key=lambda group: (bool(group.same_as), group.first_seconds)
    )
    return _template().render(
        state=state,
        groups=groups,
        names=NAMES,
        green=green_line(state),
        is_green=not state.groups and not any(one.missed for one in state.canaries),
        rate=state.runs / state.seconds if state.seconds else 0.0,
        plots=plots_of(state.drift),
        trends=trends_of(state.drift),
        faults=sorted(FAULTS),
        states={name: one.what for name, one in STATES.items()},
        crossed=lambda name, fault: state.reach.get(f"{name}{TIMES}{fault}", 0),
        happened=[(what, state.reach.get(name, 0)) for name, what in REACH_NAMES.items()],
        width=WIDTH,
        height=HEIGHT,
    )


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def number(value: float) -> str:
    """With its thousands apart."""
    return f"{value:,.0f}".replace(",", " ")


def rates_of(drift: list[Drift]) -> list[float]:
    """Runs a second between each sample and the one before."""
    rates = [0.0]
    for before, after in itertools.pairwise(drift):
        span = after.seconds - before.seconds
        rates.append((after.runs - before.runs) / span if span > 0 else 0.0)
    return rates


def plots_of(drift: list[Drift]) -> list[Plot]:
    """What is drawn, once there is more than a point."""
    if len(drift) < 2:
        return []
    times = [one.seconds for one in drift]
    return [
        _plot("runs a second", times[1:], rates_of(drift)[1:], ""),
        _plot("failing runs", times, [one.failed for one in drift], ""),
        _plot("job processes at work", times, [100 * one.busy for one in drift], " %"),
        _plot("memory of a job process", times, [one.jobs_kib / MIB for one in drift], " MiB"),
        _plot("memory of a reactor", times, [one.reactors_kib / MIB for one in drift], " MiB"),
        _plot("disk", times, [one.disk_bytes / MIB**2 for one in drift], " MiB"),
    ]


def _plot(title: str, times: list[float], values: list[float], unit: str) -> Plot:
    first, span = times[0], (times[-1] - times[0]) or 1.0
    most = max(values)
    points = [
        f"{(time - first) / span * WIDTH:.1f},{HEIGHT - value / (most or 1.0) * (HEIGHT - 4):.1f}"
        for time, value in zip(times, values, strict=True)
    ]
    return Plot(
        title,
        "M" + " L".join(points),
        *(
            f"{number(value) if value >= 100 else f'{value:.1f}'}{unit}"
            for value in (values[0], values[-1], most)
        ),
    )


def trends_of(drift: list[Drift]) -> list[Trend]:
    """Beginning, after a tenth of the time in which everything warms up, and now; with the slope between."""
    if len(drift) < 3:
        return []
    early, late = drift[min(len(drift) - 2, max(1, len(drift) // 10))], drift[-1]
    hours = (late.seconds - early.seconds) / 3600.0
    rows = [
        ("memory of the controller, KiB", early.controller_kib, late.controller_kib),
        ("memory of the largest job process, KiB", early.jobs_kib, late.jobs_kib),
        ("memory of the largest reactor, KiB", early.reactors_kib, late.reactors_kib),
        ("descriptors of the controller", early.descriptors, late.descriptors),
        ("processes", early.processes, late.processes),
        ("segments of shared memory", early.segments, late.segments),
    ]
    return [
        Trend(what, number(before), number(after), _slope(after - before, hours))
        for what, before, after in rows
    ]


def _slope(grown: int, hours: float) -> str:
    return "too early" if hours < SLOPE_HOURS_MIN else f"{grown / hours:+,.0f}".replace(",", " ")
