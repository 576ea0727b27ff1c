"""The results of ``raidstorm conform``: one file of scenarios or of superblocks, compared and printed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.base.interrupt import Interrupt, InterruptedRunError, Patience
from chaos.cli.parameters import named_target
from chaos.cli.screen import Screen, count
from chaos.cli.superblock import remarks
from chaos.conforming.compare import Comparison, Verdict, compare_engine, compare_spdk
from chaos.conforming.declared import DECLARED
from chaos.conforming.scenario import Recording
from chaos.conforming.sides import UNITS, engine_on_spdk_disks, engine_side, spdk_side
from chaos.conforming.superblocks import (
    SETUP,
    SuperblockCases,
    SuperblockComparison,
    compare_superblock,
    damaged,
)
from chaos.conforming.words import operation_words, parting_lines, value_words
from workers.protocol import DefectSource
from workers.raid.superblock import SuperblockError, decode

ENGINE, CODE = "engine", "the code"


def _side_name() -> str:
    target = named_target()
    return "the engine" if target is None else target.words


def _verdict(screen: Screen, summary: str, *, is_red: bool) -> None:
    word, style = ("FAIL", "bold red") if is_red else ("PASS", "bold green")
    screen.verdict(f"{word}  {summary}", style)


class ScenariosCompared:
    """A file of scenarios, and their comparisons as far as they were played."""

    def __init__(
        self, file: Path, recording: Recording, defects: tuple[DefectSource, ...] = ()
    ) -> None:
        self._defects = defects
        self._file = file
        self._recording = recording
        self._is_engine = named_target() is None
        self._comparisons: list[Comparison] = []

    def compare(self, screen: Screen, interrupt: Interrupt) -> None:
        """Play all scenarios; raise InterruptedRunError where the user stops it."""
        recording, target = self._recording, named_target()
        gives_up = Patience(interrupt)
        if target is None:
            side = engine_side(recording.units, gives_up, self._defects)
            compare = compare_engine
        else:
            side = spdk_side(target, recording.units, gives_up)
            compare = compare_spdk
        try:
            with screen.progress("scenarios", len(recording.scenarios)) as bar:
                for scenario in recording.scenarios:
                    if interrupt.requested:
                        raise InterruptedRunError
                    player = side.player(scenario.setup, scenario.size_max)
                    self._comparisons.append(compare(scenario, player))
                    bar.advance(scenario.name)
        finally:
            side.driver.close()

    def _count(self, *verdicts: Verdict) -> int:
        return sum(comparison.verdict in verdicts for comparison in self._comparisons)

    @property
    def _gone(self) -> list[str]:
        """Return sentences about declared differences that a scenario of this file no longer shows."""
        shown = {
            (comparison.scenario.name, parting.topic)
            for comparison in self._comparisons
            for parting in comparison.partings
        }
        names = [comparison.scenario.name for comparison in self._comparisons]
        return [
            f"{name} is declared to differ ({row.topic}), and doesn't"
            for row in DECLARED
            for name in row.scenarios
            if self._is_engine and name in names and (name, row.topic) not in shown
        ]

    @property
    def is_red(self) -> bool:
        """Return whether something differs otherwise than as declared."""
        return self._count(Verdict.DIFFERENT) > 0 or bool(self._gone)

    def show(self, screen: Screen) -> None:
        """Print each difference, and the summary."""
        recording = self._recording
        what = f"{recording.program} {recording.version}, played on {_side_name()}"
        screen.say(f"{self._file}: {what}", "dim")
        for comparison in self._comparisons:
            self._show_comparison(screen, comparison)
        for sentence in self._gone:
            screen.say(f"  {sentence}", "red")
        _verdict(screen, self._summary(), is_red=self.is_red)

    def _show_comparison(self, screen: Screen, comparison: Comparison) -> None:
        is_red = comparison.verdict is Verdict.DIFFERENT
        for parting in comparison.partings:
            why = f" as declared ({parting.topic})" if parting.topic else ""
            what = "ends" if parting.spdk_is_wrong and not (why or is_red) else "differs"
            operation = operation_words(parting.step.do)
            line = f"  {comparison.scenario.name}, step {parting.number} ({operation}), {what}{why}"
            screen.say(line, "red" if is_red else None)
            for sentence in parting_lines(parting, ENGINE if self._is_engine else CODE):
                screen.say(f"      {sentence}", "dim")

    def _summary(self) -> str:
        scenarios = len(self._comparisons)
        words = [f"{self._count(Verdict.EQUAL)} of {count(scenarios, 'scenario')} equal"]
        if self._is_engine:
            wrong = [one for one in self._comparisons if one.verdict is Verdict.SPDK_IS_WRONG]
            declared = sum(bool(one.partings[-1].topic) for one in wrong)
            total = self._count(Verdict.DECLARED) + declared
            words.append(f"{total} differ as declared (in {declared} of them SPDK is wrong)")
            if declared < len(wrong):
                words.append(f"{len(wrong) - declared} end where SPDK is wrong")
        different = self._count(Verdict.DIFFERENT)
        if different or not self._is_engine:
            words.append(f"{different} differ{' otherwise' if self._is_engine else ''}")
        left = len(self._recording.scenarios) - scenarios
        return ", ".join([*words, *[f"{left} not played"] * bool(left)])

    def readable(self) -> dict[str, object]:
        """Return all of it for programs."""
        recording = self._recording
        return {
            "file": str(self._file),
            "program": recording.program,
            "version": recording.version,
            "scenarios": len(recording.scenarios),
            "played": len(self._comparisons),
            "equal": self._count(Verdict.EQUAL),
            "declared": self._count(Verdict.DECLARED),
            "spdk_is_wrong": self._count(Verdict.SPDK_IS_WRONG),
            "different": self._count(Verdict.DIFFERENT),
            "no_longer_different": self._gone,
            "results": [
                {
                    "name": comparison.scenario.name,
                    "verdict": comparison.verdict.name.lower(),
                    "partings": msgspec.to_builtins(comparison.partings),
                }
                for comparison in self._comparisons
            ],
        }


class SuperblocksCompared:
    """A file of damaged superblocks, and the verdicts on them."""

    def __init__(self, file: Path, cases: SuperblockCases) -> None:
        self._file = file
        self._cases = cases
        self._comparisons: list[SuperblockComparison] = []

    def compare(self, screen: Screen, interrupt: Interrupt) -> None:
        """Have each found on two disks; raise InterruptedRunError where the user stops it."""
        target = named_target()
        gives_up = Patience(interrupt)
        if target is None:
            played = engine_on_spdk_disks(gives_up)
        else:
            played = spdk_side(target, UNITS, gives_up)
        try:
            with screen.progress("superblocks", len(self._cases.cases)) as bar:
                for case in self._cases.cases:
                    if interrupt.requested:
                        raise InterruptedRunError
                    image = damaged(self._cases.untouched.hex, case)
                    player = played.player(SETUP, 1)
                    self._comparisons.append(
                        compare_superblock(image, case, player, is_engine=target is None)
                    )
                    bar.advance(case.name)
        finally:
            played.driver.close()

    def _count(self, verdict: Verdict) -> int:
        return sum(comparison.verdict is verdict for comparison in self._comparisons)

    @property
    def is_red(self) -> bool:
        """Return whether a verdict differs otherwise than as declared."""
        return self._count(Verdict.DIFFERENT) > 0

    def show(self, screen: Screen) -> None:
        """Print each difference, with what ``superblock show`` remarks, and the summary."""
        cases = self._cases
        what = f"{cases.program} {cases.version}, found by {_side_name()}"
        screen.say(f"{self._file}: {what}", "dim")
        for one in self._comparisons:
            if one.verdict is Verdict.EQUAL:
                screen.detail(f"  {one.case.name}: {one.case.verdict}; {self._shown(one)}")
                continue
            why = f" as declared ({one.topic})" if one.topic else ""
            screen.say(f"  {one.case.name}, differs{why}", None if one.topic else "red")
            for difference in one.differences:
                ours = value_words(difference.ours)
                line = f"{difference.place}: SPDK {value_words(difference.spdk)}, here {ours}"
                screen.say(f"      {line}", "dim")
            screen.say(f"      superblock show: {self._shown(one)}", "dim")
        summary = (
            f"{self._count(Verdict.EQUAL)} of {count(len(self._comparisons), 'superblock')} equal, "
            f"{self._count(Verdict.DECLARED)} differ as declared"
        )
        if self.is_red:
            summary += f", {self._count(Verdict.DIFFERENT)} differ otherwise"
        left = len(cases.cases) - len(self._comparisons)
        _verdict(screen, summary + f", {left} not played" * bool(left), is_red=self.is_red)

    def _shown(self, one: SuperblockComparison) -> str:
        try:
            superblock = decode(damaged(self._cases.untouched.hex, one.case))
        except SuperblockError as error:
            return str(error)
        return "; ".join(remarks(superblock)) or "nothing odd"

    def readable(self) -> dict[str, object]:
        """Return all of it for programs."""
        return {
            "file": str(self._file),
            "program": self._cases.program,
            "version": self._cases.version,
            "superblocks": len(self._cases.cases),
            "played": len(self._comparisons),
            "equal": self._count(Verdict.EQUAL),
            "declared": self._count(Verdict.DECLARED),
            "different": self._count(Verdict.DIFFERENT),
            "results": [
                {
                    "name": one.case.name,
                    "verdict": one.verdict.name.lower(),
                    "topic": one.topic,
                    "differences": msgspec.to_builtins(one.differences),
                    "shown": self._shown(one),
                }
                for one in self._comparisons
            ],
        }
