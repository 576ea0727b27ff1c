"""timeline.html: a run as swim lanes, in one static file that needs no network.

This module gathers what is shown; how it is shown is ``timeline.html`` beside it, a template with one place for the
data. Its size is bounded: of very long runs the steps far from everything of interest are left out.
"""

from __future__ import annotations

import html
from pathlib import Path

import msgspec

from chaos.checkers import Finding
from chaos.run.execution import Execution
from chaos.showing.bands import Band, bands_of
from chaos.showing.landmarks import Landmark, landmarks
from chaos.showing.lanes import NOTHING, Lane, lanes_of
from chaos.showing.narrative import StepText, narrate, step_of
from chaos.showing.rebuild_curve import RebuildCurves, rebuild_curves
from chaos.showing.story import Storyteller

TEMPLATE = Path(__file__).with_name("timeline.html")
DATA_PLACE = "@@DATA@@"
TITLE_PLACE = "@@TITLE@@"
STEPS_MAX = 8_000  # with words; of the others only bands, curves and landmarks are shown
STEPS_BEFORE_FINDING = 3_000
STEPS_AFTER_FINDING = 500
LINE_LENGTH_MAX = 600


class About(msgspec.Struct, frozen=True):
    """What the page says of the run above all."""

    experiment: str
    driver: str
    seed: int
    verdict: str
    defects: list[str]
    story: list[str]
    replay: str


class ShownFinding(msgspec.Struct, frozen=True):
    """A finding as the page names it; the headline is the one whose signature the run has."""

    step: int
    check: str
    signature: str
    summary: str
    is_headline: bool


class Timeline(msgspec.Struct, frozen=True):
    """All that the page shows. A step is (number, marks, words, what it showed); texts are numbers into ``texts``.

    Findings stand in the order of their steps, for the cause is nearer to the first than to the worst.
    """

    about: About
    findings: list[ShownFinding]
    lanes: list[Lane]
    last: int
    left_out: int
    texts: list[str]
    steps: list[tuple[int, int, int, list[int]]]
    bands: list[Band]
    rebuilds: RebuildCurves
    landmarks: list[Landmark]


def timeline_of(
    execution: Execution, teller: Storyteller, findings: list[Finding], about: About
) -> Timeline:
    """Gather it from a run."""
    return timeline_from(narrate(execution, teller, findings), execution, teller, findings, about)


def timeline_from(
    told: list[StepText],
    execution: Execution,
    teller: Storyteller,
    findings: list[Finding],
    about: About,
) -> Timeline:
    """The same, of a run that is told already."""
    lanes = lanes_of(execution.plan, teller.labels)
    shown_findings = [
        ShownFinding(
            step_of(finding, execution),
            finding.check,
            finding.signature,
            finding.summary,
            is_headline=number == 0,
        )
        for number, finding in enumerate(findings)
    ]
    shown_findings.sort(key=lambda finding: finding.step)
    marked = landmarks(execution, teller, findings)
    focus = shown_findings[0].step if shown_findings else len(told)
    kept = kept_steps(told, focus, [landmark.step for landmark in marked])
    texts: dict[str, int] = {}

    def place(text: str) -> int:
        return texts.setdefault(text[:LINE_LENGTH_MAX], len(texts))

    keys = [lane.key for lane in lanes]
    steps = [
        (
            one.number,
            place("".join(one.marks.get(key, NOTHING) for key in keys)),
            place(one.words),
            [place(line) for line in one.shown],
        )
        for one in kept
    ]
    return Timeline(
        about=about,
        findings=shown_findings,
        lanes=lanes,
        last=len(told),
        left_out=len(told) - len(kept),
        texts=list(texts),
        steps=steps,
        bands=bands_of(execution),
        rebuilds=rebuild_curves(execution),
        landmarks=marked,
    )


def kept_steps(told: list[StepText], focus: int, wanted: list[int]) -> list[StepText]:
    """All; or of a very long run the finding's neighbourhood, the landmarks, and from the begin as many as there is
    room for: what never ends began to wait early.
    """
    if len(told) <= STEPS_MAX:
        return told
    begin, end = focus - STEPS_BEFORE_FINDING, focus + STEPS_AFTER_FINDING
    kept = set(range(max(1, begin), min(len(told), end) + 1))
    kept.update(wanted[: STEPS_MAX // 4])
    for number in range(1, len(told) + 1):
        if len(kept) >= STEPS_MAX:
            break
        kept.add(number)
    return [one for one in told if one.number in kept]


def page(timeline: Timeline) -> str:
    """The file's text."""
    data = msgspec.json.encode(timeline).decode()
    # Inside a script element nothing may look like markup, whatever names and messages say.
    for sign in "<>&\u2028\u2029":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    about = timeline.about
    title = f"{about.verdict}: {about.experiment}, seed {about.seed}"
    before, after = TEMPLATE.read_text(encoding="utf-8").split(DATA_PLACE)
    return before.replace(TITLE_PLACE, html.escape(title)) + data + after
