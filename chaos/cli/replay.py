"""``raidstorm replay``: one recorded run again."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers.finding import NAMES
from chaos.cli.parameters import Catalog, Loudness, named_target
from chaos.cli.screen import Screen, count, print_json
from chaos.cli.targets import capsule_of, engine_and_checks, refuse_defects
from chaos.judging.user_checks import sha256
from chaos.plan.driver_names import DriverName
from chaos.replaying.replay import Replayed, replay_capsule
from chaos.store.capsule import Capsule, CapsuleError
from chaos.store.version import tool_version
from workers.defects.loader import source_text
from workers.protocol import DefectSource


class ReplayArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments as they were typed."""

    target: str
    driver: DriverName | None = None
    defects: tuple[str, ...] = ()
    allow_code: bool = False
    trace: str | None = None
    loudness: Loudness = Loudness.NORMAL
    output: str = "text"


class Outcome(msgspec.Struct, frozen=True):
    """A replay, and how it compares to the recording."""

    capsule: Capsule
    driver: str
    replayed: Replayed
    remark: str

    @property
    def code(self) -> int:
        """Return the exit code."""
        return int(self.replayed.verdict)


def run(catalog: Catalog, arguments: ReplayArguments) -> int:
    """Replay, print the result, and return the exit code."""
    interrupt = Interrupt()
    outcome = execute(catalog, arguments, interrupt)
    if arguments.trace is not None:
        _write_trace(Path(arguments.trace), outcome.replayed.trace)
    if arguments.output == "json":
        _print_json(outcome)
    else:
        _show(Screen(arguments.loudness), outcome)
    return outcome.code


def execute(catalog: Catalog, arguments: ReplayArguments, interrupt: Interrupt) -> Outcome:
    """Replay the target on its engine, or on the one that was named."""
    capsule, is_recording = capsule_of(catalog, arguments.target)
    if capsule.plan.target is not None:
        _refuse_engines(capsule, arguments)
    capsule, checks = engine_and_checks(
        arguments.target,
        capsule,
        arguments.defects,
        is_recording=is_recording,
        allow_code=arguments.allow_code,
    )
    interrupt.install()
    chosen = arguments.driver or capsule.replay_driver
    replayed = replay_capsule(capsule, chosen, capsule.defect_sources(), checks, interrupt)
    expects_same = not arguments.defects and chosen != "realtime"
    remark = _compare(capsule, replayed) if expects_same else ""
    if replayed.ends_early and not replayed.findings:
        remark = (
            f"no finding up to step {replayed.steps}, where the recording ends; "
            "the run was neither healed nor audited"
        )
    remark = "; ".join(filter(None, (remark, _other_build(capsule))))
    return Outcome(capsule, chosen, replayed, remark)


def _refuse_engines(capsule: Capsule, arguments: ReplayArguments) -> None:
    """Refuse what is for runs of the built-in engine."""
    if arguments.driver not in (None, "native"):
        raise click.UsageError(
            f"this is a run of a target in C, which the driver {arguments.driver} can't replay; leave --driver out"
        )
    refuse_defects(capsule, arguments.defects)


def _other_build(capsule: Capsule) -> str:
    """Say that the run was recorded on another build of its target; return "" where it was not."""
    recorded, present = capsule.plan.target, named_target()
    if recorded is None or present is None or present.is_same_code(recorded):
        return ""
    if recorded.words == present.words:
        return f"recorded on another build of {recorded.words}"
    return f"recorded on {recorded.words}, replayed on {present.words}"


def _write_trace(path: Path, lines: list[str]) -> None:
    try:
        path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise CapsuleError(f"{path} can't be written: {error.strerror}") from None


def _compare(capsule: Capsule, replayed: Replayed) -> str:
    """Return a remark on how the replay compares to the recording."""
    expected = capsule.expected
    code = int(replayed.verdict)
    if replayed.divergence or expected is None or capsule.schedule is None:
        return ""
    if replayed.fingerprint == expected.fingerprint:
        return "the fingerprint is the recorded one"
    if capsule.raidstorm_version == tool_version() and code == expected.verdict:
        return (
            f"the fingerprint {replayed.fingerprint} is not the recorded {expected.fingerprint}; "
            "the code or the capsule has changed"
        )
    changed = [
        defect.id
        for defect in capsule.defects
        if sha256(source_text(DefectSource(defect.id, defect.source))) != defect.sha256
    ]
    if changed:
        return f"the defect {', '.join(changed)} has changed since this was recorded"
    return (
        f"the recorded run ended {NAMES.get(expected.verdict, expected.verdict)} with fingerprint "
        f"{expected.fingerprint}, this one has {replayed.fingerprint}"
    )


def _print_json(outcome: Outcome) -> None:
    capsule, replayed = outcome.capsule, outcome.replayed
    print_json(
        {
            "experiment": capsule.experiment.name,
            "seed": capsule.seed,
            "exit_code": outcome.code,
            "fingerprint": replayed.fingerprint,
            "expected": capsule.expected,
            "steps": replayed.steps,
            "findings": replayed.findings,
            "divergence": replayed.divergence,
            "remark": outcome.remark,
        }
    )


def _show(screen: Screen, outcome: Outcome) -> None:
    capsule, replayed = outcome.capsule, outcome.replayed
    word, style = ("FAIL", "red") if outcome.code else ("PASS", "green")
    defects = ", ".join(defect.id for defect in capsule.defects)
    whose = f"{capsule.experiment.name}  {outcome.driver}  seed {capsule.seed}"
    with_defects = f", with {defects}" if defects else ""
    if replayed.divergence:
        screen.verdict(f"{word}  {whose}   the recorded steps no longer apply{with_defects}", style)
        screen.say(f"  {replayed.divergence}", "red")
        if outcome.remark:
            screen.say(f"  {outcome.remark}")
        return
    steps = count(replayed.steps, "step")
    verdict = NAMES[outcome.code]
    if replayed.ends_early and not replayed.findings:
        verdict += " as far as it goes"
    screen.verdict(f"{word}  {whose}  {steps}   {verdict}{with_defects}", style)
    if capsule.rebuilt and outcome.driver != "realtime":
        screen.detail(f"  the steps of a free run, replayed in {outcome.driver}", None)
    screen.detail(f"  fingerprint {replayed.fingerprint}", None)
    for number, finding in enumerate(
        replayed.findings if screen.is_verbose else replayed.findings[:1]
    ):
        screen.say(f"  {finding.signature}", "bold")
        screen.say(f"  {finding.summary}")
        for line in replayed.story if number == 0 else ():
            screen.say(f"    {line}")
    if outcome.remark:
        screen.say(f"  {outcome.remark}")
