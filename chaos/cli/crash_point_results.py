"""Crash points as the command counts them, and its findings in words."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import NamedTuple

import msgspec

from chaos.checkers import Verdict
from chaos.checkers.finding import worst
from chaos.cli.parameters import INTERRUPTED, command_name
from chaos.cli.screen import count
from chaos.judging.crash_points import CrashPoint, PointKind
from chaos.judging.restart_findings import BrokenPromise
from chaos.showing.wording.phrases import listed
from chaos.showing.wording.places import Places
from chaos.showing.wording.steps import StepWords, Style
from chaos.steps.schedule import ENGINE_STEPS, Operate, OutsideStep, Step
from chaos.store.capsule import Capsule, target_words


class Subject(NamedTuple):
    """A run whose crash points are tried; ``target`` and ``options`` name it and its engine on a command line."""

    capsule: Capsule
    target: str
    options: tuple[str, ...]


class Found(msgspec.Struct):
    """A finding, with the first point of the run that shows it, and the number of points that do."""

    run: Subject
    point: CrashPoint
    finding: BrokenPromise
    points: int = 0

    @property
    def again(self) -> str:
        """Return the line to paste that shows it again."""
        run = self.run
        words = [command_name(), "crash-points", shlex.quote(run.target)]
        words += [shlex.quote(option) for option in run.options]
        return " ".join([*words, *target_words(run.capsule), "--at", str(self.point.step)])

    @property
    def killed(self) -> str:
        """Return when the target was killed, in words."""
        point = self.point
        answered = listed([self._request(request) for request in point.answered])
        if point.kind is PointKind.ANSWER:
            return f"right after the answer to: {answered}"
        step = f"{point.kind.value}: {self._step(point.after)}"
        return f"{step}; answered: {answered}" if answered else step

    @property
    def promised(self) -> str:
        """Return what was promised, in words; "" where no request is contradicted."""
        promise = self.finding.promise
        if promise is None:
            return ""
        return f"{self._request(promise.request)}, answered with success in step {promise.step}"

    def _words(self) -> StepWords:
        return StepWords(Places(self.run.capsule.plan, self.run.capsule.labels), Style.PLAIN)

    def _step(self, step: Step) -> str:
        words = self._words()
        return words.engine(step) if isinstance(step, ENGINE_STEPS) else words.outside(step)

    def _request(self, step: OutsideStep) -> str:
        op = f" (op {step.op})" if isinstance(step, Operate) else ""
        return f"{self._words().outside(step)}{op}"


class Judged(msgspec.Struct):
    """The runs and their crash points so far."""

    runs: int = 0
    without_superblock: int = 0
    points: Counter[PointKind] = msgspec.field(default_factory=Counter)
    left_out: int = 0  # no array should exist there
    found: dict[tuple[str, BrokenPromise], Found] = {}  # by run
    divergence: str = ""
    interrupted: bool = False

    @property
    def judged(self) -> int:
        """Return the number of points that were judged."""
        return self.points.total()

    @property
    def so_far(self) -> str:
        """Return the numbers for a line."""
        return f"{count(self.judged, 'crash point')}, {count(len(self.found), 'finding')}"

    @property
    def code(self) -> int:
        """Return the exit code."""
        if self.interrupted:
            return INTERRUPTED
        verdicts = [found.finding.verdict for found in self.found.values()]
        if self.divergence or not self.judged:
            verdicts.append(Verdict.NOT_EXERCISED)
        return int(worst(verdicts))

    def take(self, run: Subject, point: CrashPoint) -> None:
        """Count a point, and keep its findings; one that an earlier point of the run has shown is only counted."""
        if not point.was_judged:
            self.left_out += 1
            return
        self.points[point.kind] += 1
        for finding in point.findings:
            found = self.found.setdefault((run.target, finding), Found(run, point, finding))
            found.points += 1
