"""A story on a page: its sentences with their places in the lanes, and the steps that the first view must contain."""

from __future__ import annotations

import re

import msgspec

from chaos.showing.narrative import StepText

STEPS = re.compile(r"steps? (\d+)(?:-(\d+))?: (.*)", re.DOTALL)
# Where a step marks several lanes, its badge is in the first of these: a crash, disks, hosts, operator, reactors, nemesis.
CRASHED = "X"
IS_HEADLINE = "the finding above"
LANE_ORDER = ("D", "H", "OP", "R", "NEM")


class StoryLine(msgspec.Struct, frozen=True, array_like=True):
    """A sentence. ``first`` to ``last``: its steps, or 0 without a step; ``lane``: the lane of its badge."""

    first: int
    last: int
    lane: str
    text: str


def story_lines(
    story: list[str], narrated: list[StepText], headline: str = "", at: int = 0
) -> list[StoryLine]:
    """Read sentences such as ``step 12: …`` and ``steps 12-14: …``; a line without a step continues the one above.

    ``headline`` is the finding's sentence at the top of the page, and ``at`` its step: it is not repeated.
    """
    lines = []
    for line in story:
        found = STEPS.fullmatch(line)
        if found is None:
            lines.append(StoryLine(0, 0, "", line.strip()))
            continue
        first, last = int(found[1]), int(found[2] or found[1])
        text = _shortened(found[3], headline) if last == at else found[3]
        # A sentence about several steps ends with the finding, so its badge is there.
        lane = _lane_of(last if last == at else first, narrated)
        lines.append(StoryLine(first, last, lane, text))
    return lines


def _shortened(text: str, headline: str) -> str:
    """Cut the part of a sentence that the headline says."""
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
