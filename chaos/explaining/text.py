"""An explanation as lines of text, for explain.txt and the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from textwrap import wrap

from chaos.checkers.finding import NAMES
from chaos.explaining.explain import Explanation
from chaos.explaining.likelihood import LIKELY, Point
from chaos.explaining.necessity import IMPOSSIBLE
from chaos.narrating.clauses import Sentence
from chaos.showing.wording.phrases import counted

WIDTH = 110
BAR_WIDTH = 20
WHAT_WIDTH = 54  # leaves as much as WRAPPED_MIN for the result
GAP = 2  # between two columns
WRAPPED_MIN = 40
RISE_MIN = 0.3  # a smaller rise is within the error of twenty continuations of each prefix
BAND = 10  # percent: neighbouring points within one band are shown as one


def lines_of(explanation: Explanation, replay: str = "") -> list[str]:
    """Write the whole explanation, first the part for an issue; ``replay`` is the line to type."""
    story = explanation.story
    return [
        *_head(explanation),
        "",
        "What happened",
        *_story(explanation.story.sentences),
        "",
        *_wrapped("Expected:    ", explanation.story.promise),
        *(_wrapped("Consequence: ", story.harm) if story.harm else []),
        "",
        "What contradicts it",
        *_contradiction(explanation.story.contradiction),
        *(["", "Also found in this run"] if explanation.story.also else []),
        *_contradiction(explanation.story.also),
        *(["", f"Replay: {replay}"] if replay else []),
        "",
        "-" * WIDTH,
        *_needs(explanation),
        "",
        *_curve(explanation),
        *([] if explanation.is_whole else ["", "Interrupted: some rows are missing."]),
    ]


def _head(explanation: Explanation) -> Iterator[str]:
    tested = explanation.tested or f"defects: {', '.join(explanation.defects) or 'none'}"
    yield f"{NAMES[explanation.exit_code]}: {explanation.signature}"
    yield from _wrapped("", f"{explanation.story.summary}.")
    yield (
        f"{explanation.experiment}, seed {explanation.seed}, {tested}; shrunk to "
        f"{counted(explanation.outside, 'step')} of hosts, operator and nemesis, "
        f"{counted(explanation.choices, 'scheduling choice')}, {counted(explanation.steps, 'step')} in all"
    )
    if explanation.unfinished:
        yield from _wrapped("", f"This run is not minimal. Shrinking: {explanation.unfinished}")
    yield explanation.target


def _story(sentences: list[Sentence]) -> Iterator[str]:
    for number, sentence in enumerate(sentences, 1):
        yield from _wrapped(f"{number:>4}. {_range(sentence):<9}  ", sentence.text)


def _range(sentence: Sentence) -> str:
    if sentence.first == sentence.last:
        return str(sentence.first)
    return f"{sentence.first}-{sentence.last}"


def _contradiction(sentences: list[Sentence]) -> Iterator[str]:
    for sentence in sentences:
        yield from _wrapped(f"  step {sentence.first:>5}  ", sentence.text)


def _needs(explanation: Explanation) -> Iterator[str]:
    if explanation.unfinished:
        yield from _wrapped(
            "",
            "Which steps are needed is left out: this run is not minimal, so some of them are not.",
        )
        return
    yield "Why each step is needed: the result without it"
    needs, untried = explanation.needs, explanation.untried
    ground = [need for need in needs if IMPOSSIBLE in need.without]
    rows = [need for need in needs if need not in ground]
    width = min(WHAT_WIDTH, max((len(need.what) for need in rows), default=0))
    for need in rows:
        where = str(need.step) if need.step > 0 else "-"
        mark = "" if need.is_needed else " (not needed)"
        head = f"  step {where:>5}  "
        yield from _beside(head, need.what, width, f"{need.without}{mark}")
    if ground:
        steps = ", ".join(f"{need.step} ({need.what})" for need in ground)
        yield from _wrapped(
            "  ", f"Without these, other steps are no longer possible: steps {steps}."
        )
    if untried:
        yield f"  {untried} more have not been tried: the run is too long"


def _beside(head: str, what: str, width: int, text: str) -> Iterator[str]:
    """Write two columns, each wrapped within its own width."""
    left = wrap(what, width)
    right = wrap(text, WIDTH - len(head) - width - GAP, break_long_words=False)
    for one, other in zip_longest(left, right, fillvalue=""):
        yield f"{head}{one:<{width + GAP}}{other}".rstrip()
        head = " " * len(head)


def _curve(explanation: Explanation) -> Iterator[str]:
    points = explanation.curve.points
    if not points:
        return
    runs = max(point.runs for point in points)
    measured = f"{counted(len(points), 'prefix')}, {counted(runs, 'random continuation')} of each"
    yield f"Probability of failing from here on ({measured})"
    for group in _banded(points):
        first, last = group[0].after, group[-1].after
        where = str(first) if first == last else f"{first}-{last}"
        share = sum(point.share for point in group) / len(group)
        bar = "#" * round(share * BAR_WIDTH)
        words = explanation.story.steps[first - 1] if first else "The beginning."
        yield from _wrapped(f"  after {where:>9}  |{bar:<{BAR_WIDTH}}| {share:>4.0%}  ", words)
    yield ""
    yield from _wrapped("", _likely(explanation))


def _banded(points: list[Point]) -> list[list[Point]]:
    groups: list[list[Point]] = []
    for point in points:
        band = _band(point)
        if groups and _band(groups[-1][-1]) == band:
            groups[-1].append(point)
        else:
            groups.append([point])
    return groups


def _band(point: Point) -> tuple[int, bool]:
    return round(point.share * 100 / BAND), point.share >= LIKELY


def _likely(explanation: Explanation) -> str:
    likely = explanation.likely
    if likely is None:
        if not explanation.is_whole:
            return "Where the failure became likely is not known."
        first = explanation.curve.points[0]
        return (
            f"The failure was likely from the beginning ({first.share:.0%}): the steps of hosts, operator and nemesis cause it, "
            "in whatever order the target takes its steps."
        )
    rise = likely.rise
    if rise.after - rise.before < RISE_MIN:
        return (
            "No single step made the failure likely: the share rises little by little, and one step's effect can't "
            f"be distinguished from chance in so few continuations (it passes a half at step {rise.last})."
        )
    where = f"step {rise.last}" if rise.first == rise.last else f"steps {rise.first}-{rise.last}"
    shares = f"{rise.before:.0%} before, {rise.after:.0%} after"
    return f"The failure became likely at {where} ({shares}): {likely.what}"


def _wrapped(head: str, text: str) -> Iterator[str]:
    lines = wrap(text, max(WRAPPED_MIN, WIDTH - len(head)), break_long_words=False) or [""]
    yield f"{head}{lines[0]}"
    indent = " " * min(len(head), WIDTH - WRAPPED_MIN)
    yield from (f"{indent}{line}" for line in lines[1:])
