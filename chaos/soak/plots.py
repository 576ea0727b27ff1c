"""The plots of ``soak.html``: a line over the time of the soak, with axes, as parts of an SVG."""

from __future__ import annotations

import itertools
import math

import msgspec

from chaos.soak.state import Drift

# The sizes of the whole picture, and of the room for the axes' labels.
WIDTH, HEIGHT = 380, 132
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 20
TICKS_X = 5  # at most, after the first one
COUNT_MIN = 2.0  # the least end of an axis of counts
MIB = 1024
UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
NICE = (1.0, 2.0, 5.0, 10.0)


class Tick(msgspec.Struct, frozen=True):
    """A mark of an axis: its place in the picture, and its label."""

    at: float
    label: str


class Plot(msgspec.Struct, frozen=True):
    """A line as an SVG path within WIDTH x HEIGHT, and the marks of its axes."""

    title: str
    unit: str
    path: str
    last: str
    most: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def plots_of(drift: list[Drift]) -> list[Plot]:
    """Make all plots, once there are two points; those of reactors only where some have run."""
    if len(drift) < 2:
        return []
    times = [one.seconds for one in drift]
    plots = [
        _plot("runs a second", times[1:], rates_of(drift)[1:], ""),
        _plot("failing runs", times, [one.failed for one in drift], ""),
        _plot("job processes at work", times, [100 * one.busy for one in drift], "%"),
        _plot("memory of a job process", times, [one.jobs_kib / MIB for one in drift], "MiB"),
        _plot("disk", times, [one.disk_bytes / MIB**2 for one in drift], "MiB"),
    ]
    reactors = [one.reactors_kib / MIB for one in drift]
    return (
        [*plots, _plot("memory of a reactor", times, reactors, "MiB")] if any(reactors) else plots
    )


def rates_of(drift: list[Drift]) -> list[float]:
    """Return the runs a second between each sample and the one before."""
    rates = [0.0]
    for before, after in itertools.pairwise(drift):
        span = after.seconds - before.seconds
        rates.append((after.runs - before.runs) / span if span > 0 else 0.0)
    return rates


def _plot(title: str, times: list[float], values: list[float], unit: str) -> Plot:
    end, top = times[-1] or 1.0, ceiling(max(values) if unit else max(*values, COUNT_MIN))
    points = [
        f"{_x(time, end):.1f},{_y(value, top):.1f}"
        for time, value in zip(times, values, strict=True)
    ]
    return Plot(
        title,
        unit,
        "M" + " L".join(points),
        short(values[-1]),
        short(max(values)),
        _time_ticks(end),
        [Tick(_y(value, top), short(value)) for value in _round_steps(top)],
    )


def _round_steps(top: float) -> list[float]:
    """Return steps with round labels: halves of 1, 10 and 2, 20, and fifths of 5, 50."""
    count = 5 if f"{top:e}".startswith("5") else 2
    return [top * step / count for step in range(count + 1)]


def _time_ticks(end: float) -> list[Tick]:
    """Return marks at round seconds, minutes or hours."""
    unit, name = next((one for one in UNITS if end >= 3 * one[0]), UNITS[-1])
    step = ceiling(end / unit / TICKS_X)
    count = int(end / unit / step + 1e-9)
    marks = [step * number for number in range(count + 1)]
    return [Tick(_x(mark * unit, end), f"{short(mark)} {name}") for mark in marks]


def _x(time: float, end: float) -> float:
    return LEFT + time / end * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)


def ceiling(value: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten, so that an axis has round labels."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(factor for factor in NICE if value <= factor * power * (1 + 1e-9))


def short(value: float) -> str:
    """Write a value in a few characters."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}".removesuffix(".0") if value >= 1 or not value else f"{value:.2g}"
