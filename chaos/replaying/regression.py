"""A failure kept as a regression: NAME.json is its shrunk capsule, NAME.txt beside it its story.

A regression holds if three things are true, here and in every test of such a directory. Its steps still apply, since a
replay that ends before the failure could show proves nothing. The reference engine passes. With the defect that it names,
if any, it fails as recorded.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from chaos.checkers import Check, Finding, Verdict
from chaos.drivers.make import stepped_driver
from chaos.judging.judge import judge
from chaos.replaying.replay import replay_capsule
from chaos.scripts.player import LEFT_OUT, Player
from chaos.steps.schedule import ORDER, describe
from chaos.store.capsule import Capsule, CapsuleError, read_capsule

STORY_SUFFIX = ".txt"


class RegressionResult(msgspec.Struct, frozen=True):
    """The result of a regression: ``problem`` says in a sentence why it doesn't hold, or is ""."""

    code: Verdict
    problem: str = ""
    applies: bool = True


def capsules_in(folder: Path) -> list[Path]:
    """Return the regressions in a directory; raise CapsuleError where there is none, since nothing would be checked."""
    try:
        paths = sorted(path for path in folder.glob("*.json") if path.is_file())
    except OSError as error:
        raise CapsuleError(f"{folder} can't be read: {error.strerror}") from None
    if not paths:
        raise CapsuleError(
            f"{folder} has no regressions (NAME.json); 'raidstorm adopt RUN_DIR NAME --to {folder}' puts one there"
        )
    return paths


def check_file(path: Path, checks: tuple[Check, ...] = ()) -> RegressionResult:
    """Check the regression in this file, which must have its story beside it."""
    story = path.with_suffix(STORY_SUFFIX)
    try:
        is_written = bool(story.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        is_written = False
    held = check_capsule(read_capsule(path), checks)
    if held.problem or is_written:
        return held
    return RegressionResult(
        Verdict.NOT_EXERCISED,
        f"it has no {story.name} beside it; describe there the failure and its cause",
    )


def check_capsule(capsule: Capsule, checks: tuple[Check, ...] = ()) -> RegressionResult:
    """Replay a capsule as a regression."""
    if capsule.schedule is None or capsule.expected is None or not capsule.expected.signature:
        return _stale("it has no recorded failure; adopt a failing run")
    if capsule.defects:
        return _with_defect(capsule, checks, capsule.expected.signature)
    replayed = replay_capsule(capsule, capsule.replay_driver, (), checks)
    if not replayed.divergence:
        return _passing(capsule, replayed.findings)
    if capsule.script is None:
        return _stale(f"its steps no longer apply: {replayed.divergence}; adopt it again")
    return _by_script(capsule, checks, replayed.divergence)


def _by_script(capsule: Capsule, checks: tuple[Check, ...], divergence: str) -> RegressionResult:
    """Play the regression's script, since the engine has changed; every step of the script must still be possible."""
    script = capsule.script or []
    played = Player(capsule.plan, stepped_driver(capsule.plan.target), ()).play(
        script, to_the_end=not capsule.cut
    )
    held = _passing(capsule, judge(played.execution, checks))
    left_out = [
        item
        for item, number in zip(script, played.numbers, strict=True)
        if number == LEFT_OUT and not isinstance(item, ORDER)
    ]
    if held.problem or not left_out:
        return held
    return _stale(
        f"its steps no longer apply: {divergence}; and played as a script, {describe(left_out[0])} is not possible; "
        "adopt it again, or delete it"
    )


def _with_defect(capsule: Capsule, checks: tuple[Check, ...], signature: str) -> RegressionResult:
    replayed = replay_capsule(capsule, "sim", capsule.defect_sources(), checks)
    if replayed.divergence:
        return _stale(f"its steps no longer apply: {replayed.divergence}; adopt it again")
    found = [finding.signature for finding in replayed.findings]
    if found[:1] != [signature]:
        names = ", ".join(defect.id for defect in capsule.defects)
        return RegressionResult(
            Verdict.NOT_EXERCISED,
            f"with {names} on it must fail with {signature}, and its result is {found[0] if found else 'no failure'}",
        )
    reference = replay_capsule(capsule, capsule.replay_driver, (), checks)
    if reference.divergence:
        return _stale(
            f"the reference engine can't take its steps ({reference.divergence}); adopt the shrunk run"
        )
    return _passing(capsule, reference.findings)


def _passing(capsule: Capsule, findings: list[Finding]) -> RegressionResult:
    if not findings:
        return RegressionResult(Verdict.VALID)
    first = findings[0]
    return RegressionResult(
        first.verdict, f"{capsule.tested} fails: {first.signature}: {first.summary}"
    )


def _stale(problem: str) -> RegressionResult:
    return RegressionResult(Verdict.NOT_EXERCISED, problem, applies=False)
