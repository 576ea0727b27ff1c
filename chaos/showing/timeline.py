"""timeline.html: a run as swim lanes, in one static file that needs no network.

This module gathers the data. ``timeline.html`` beside it is the template with one place for the data, and draws them.
The size is bounded: in very long runs, steps far from the finding and the story are left out.
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
from chaos.showing.requests import Request, requests_of
from chaos.showing.story_line import StoryLine, story_lines
from chaos.showing.wording.places import named
from chaos.showing.wording.words import Words

TEMPLATE = Path(__file__).with_name("timeline.html")
DATA_PLACE = "@@DATA@@"
TITLE_PLACE = "@@TITLE@@"
STEPS_MAX = (
    8_000  # steps with words; for the others only bars, bands, curves and landmarks are shown
)
STEPS_BEFORE_FINDING = 3_000
STEPS_AFTER_FINDING = 500
LINE_LENGTH_MAX = 600


class About(msgspec.Struct, frozen=True):
    """The description of the run at the top of the page."""

    experiment: str
    driver: str
    seed: int
    verdict: str
    defects: list[str]
    story: list[str]  # as describe_run writes it; shown as Timeline.story
    replay: str
    promise: str = ""  # the checked promise; only a shrunk run shows it
    consequence: str = ""


class ShownFinding(msgspec.Struct, frozen=True):
    """A finding as the page names it; the headline is the one with the run's signature."""

    step: int
    check: str
    signature: str
    summary: str
    is_headline: bool


class Timeline(msgspec.Struct, frozen=True):
    """The data of the page. A step is (number, marks, words, lines that it showed); texts are indices into ``texts``.

    Findings stand in the order of their steps, since the cause is nearer to the first than to the worst. ``view``: the first
    and the last step of the opening view, so that cause and finding are both visible.
    """

    about: About
    findings: list[ShownFinding]
    story: list[StoryLine]
    view: tuple[int, int]
    lanes: list[Lane]
    last: int
    left_out: int
    texts: list[str]
    steps: list[tuple[int, int, int, list[int]]]
    requests: list[Request]
    bands: list[Band]
    rebuilds: RebuildCurves
    landmarks: list[Landmark]


def timeline_of(
    execution: Execution, words: Words, findings: list[Finding], about: About
) -> Timeline:
    """Gather the data from a run."""
    return timeline_from(narrate(execution, words, findings), execution, words, findings, about)


def timeline_from(
    narrated: list[StepText],
    execution: Execution,
    words: Words,
    findings: list[Finding],
    about: About,
) -> Timeline:
    """Gather the data from a run whose steps are in words already."""
    lanes = lanes_of(execution.plan, words.labels)
    shown_findings = _findings(execution, findings)
    marked = landmarks(execution, words, findings)
    headline = next((one for one in shown_findings if one.is_headline), None)
    story = story_lines(
        about.story,
        narrated,
        headline.summary if headline else "",
        headline.step if headline else 0,
    )
    focus = shown_findings[0].step if shown_findings else len(narrated)
    wanted = [line.first for line in story] + [landmark.step for landmark in marked]
    kept = kept_steps(narrated, focus, wanted)
    texts = Texts()
    keys = [lane.key for lane in lanes]
    steps = [
        (
            one.number,
            texts.place("".join(one.marks.get(key, NOTHING) for key in keys)),
            texts.place(one.words),
            [texts.place(line) for line in one.shown],
        )
        for one in kept
    ]
    return Timeline(
        about=msgspec.structs.replace(about, story=[]),
        findings=shown_findings,
        story=story,
        view=_view(story, shown_findings, len(narrated)),
        lanes=lanes,
        last=len(narrated),
        left_out=len(narrated) - len(kept),
        texts=list(texts.places),
        steps=steps,
        requests=requests_of(execution, words.places),
        bands=bands_of(execution),
        rebuilds=rebuild_curves(execution),
        landmarks=_not_in(story, marked),
    )


class Texts:
    """Each text once, by its number."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Return the number of a text."""
        return self.places.setdefault(text[:LINE_LENGTH_MAX], len(self.places))


def _findings(execution: Execution, findings: list[Finding]) -> list[ShownFinding]:
    shown = [
        ShownFinding(
            step_of(finding, execution),
            finding.check,
            finding.signature,
            named(finding.summary),
            is_headline=number == 0,
        )
        for number, finding in enumerate(findings)
    ]
    return sorted(shown, key=lambda finding: finding.step)


def _view(story: list[StoryLine], findings: list[ShownFinding], last: int) -> tuple[int, int]:
    """Return the steps from the first sentence after the set-up to the headline, or the last finding before it."""
    steps = [line.first for line in story if line.first]
    # The set-up of the target is one sentence about many steps from the first one on.
    if len(steps) > 1 and steps[0] == 1:
        steps = steps[1:]
    headline = [finding.step for finding in findings if finding.is_headline] or [last]
    begin = min([*steps, *(finding.step for finding in findings[:1]), headline[0]])
    return max(1, begin), max(headline[0], begin)


def _not_in(story: list[StoryLine], marked: list[Landmark]) -> list[Landmark]:
    """Leave the words of a landmark out that the story or the headline has."""
    return [
        msgspec.structs.replace(landmark, words="") if _is_said(landmark, story) else landmark
        for landmark in marked
    ]


def _is_said(landmark: Landmark, story: list[StoryLine]) -> bool:
    """Return whether the page has a landmark elsewhere: as a finding, or in the steps of a sentence."""
    if landmark.kind in ("crash", "finding"):
        return True
    if landmark.kind == "phase":
        return False
    return any(line.first <= landmark.step <= line.last for line in story)


def kept_steps(narrated: list[StepText], focus: int, wanted: list[int]) -> list[StepText]:
    """Return the steps to keep: all steps, unless the run is very long.

    Then those around the finding, the story and the landmarks are kept. The remaining room is for the first steps,
    since a request that never ends began to wait early.
    """
    if len(narrated) <= STEPS_MAX:
        return narrated
    begin, end = focus - STEPS_BEFORE_FINDING, focus + STEPS_AFTER_FINDING
    kept = set(range(max(1, begin), min(len(narrated), end) + 1))
    kept.update(wanted[: STEPS_MAX // 4])
    for number in range(1, len(narrated) + 1):
        if len(kept) >= STEPS_MAX:
            break
        kept.add(number)
    return [one for one in narrated if one.number in kept]


def page(timeline: Timeline) -> str:
    """Return the file's text."""
    data = msgspec.json.encode(timeline).decode()
    # Inside a script element names and messages must not look like markup.
    for sign in "<>&\u2028\u2029":
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    about = timeline.about
    title = f"{about.verdict}: {about.experiment}, seed {about.seed}"
    before, after = TEMPLATE.read_text(encoding="utf-8").split(DATA_PLACE)
    return before.replace(TITLE_PLACE, html.escape(title)) + data + after
