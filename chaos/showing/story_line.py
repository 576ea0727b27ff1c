"""A story on a page: its sentences with their places in the lanes, and what the first view must contain."""

from __future__ import annotations

import re

import msgspec

from chaos.showing.narrative import StepText

STEPS = re.compile(r"steps? (\d+)(?:-(\d+))?: (.*)", re.DOTALL)
# The lane of a step's badge, where it marks several: what crashes, then disks, hosts, operator, reactors, nemesis.
CRASHED = "X"
IS_HEADLINE = "the finding above"
LANE_ORDER = ("D", "H", "OP", "R", "NEM")


class StoryLine(msgspec.Struct, frozen=True, array_like=True):
    """A sentence. ``first`` to ``last``: its steps, 0 where it belongs to none; ``lane``: that of its badge."""

    first: int
    last: int
    lane: str
    text: str


def story_lines(
    story: list[str], narrated: list[StepText], headline: str = "", at: int = 0
) -> list[StoryLine]:
    """Sentences as ``step 12: …``, ``steps 12-14: …``, or a line without a step that goes on.

    ``headline`` is the finding's sentence, which stands at the top of the page, and ``at`` its step: it is not repeated.
    """
    lines = []
    for line in story:
        found = STEPS.fullmatch(line)
        if found is None:
            lines.append(StoryLine(0, 0, "", line.strip()))
            continue
        first, last = int(found[1]), int(found[2] or found[1])
        text = _shortened(found[3], headline) if last == at else found[3]
        # A sentence of several steps ends with the finding: there its badge is.
        lane = _lane_of(last if last == at else first, narrated)
        lines.append(StoryLine(first, last, lane, text))
    return lines


def _shortened(text: str, headline: str) -> str:
    """A sentence without the part of it that the headline says."""
    if text == headline:
        return IS_HEADLINE
    message = headline.partition(": ")[2]
    bare = text.removesuffix(".")
    if message and bare.endswith(f": {message}"):
        return bare.removesuffix(f": {message}")
    return text


def _lane_of(number: int, narrated: list[StepText]) -> str:
    if not 1 <= number <= len(narrated):
        return ""
    marks = narrated[number - 1].marks
    crashed = [lane for lane, mark in marks.items() if mark == CRASHED]
    if crashed:
        return crashed[0]
    for kind in LANE_ORDER:
        for lane in marks:
            if lane.startswith(kind):
                return lane
    return ""
