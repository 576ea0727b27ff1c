"""trace.log: one line for each step, one column for each actor, for reading and for grep."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.checkers import Finding
from chaos.run.execution import Execution
from chaos.showing.lanes import LEGEND, NOTHING, Lane, lanes_of
from chaos.showing.narrative import StepText, narrate
from chaos.showing.wording.words import Words


def trace_lines(execution: Execution, words: Words, findings: list[Finding]) -> Iterator[str]:
    """Write the lines; under a step, indented, stand its events and findings."""
    lanes = lanes_of(execution.plan, words.labels)
    return lines_of(lanes, narrate(execution, words, findings))


def lines_of(lanes: list[Lane], narrated: list[StepText]) -> Iterator[str]:
    """Write the lines of a run whose steps are in words already."""
    keys = [lane.key for lane in lanes]
    yield LEGEND
    head = " ".join(keys)
    yield f"{'step':>6}  {head}  what"
    indent = " " * (6 + 2 + len(head) + 2 + 2)
    widths = [(key, len(key)) for key in keys]
    for one in narrated:
        marks = " ".join(f"{one.marks.get(key, NOTHING):>{width}}" for key, width in widths)
        yield f"{one.number:>6}  {marks}  {one.words}"
        for text in one.shown:
            yield indent + text
