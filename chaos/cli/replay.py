"""``raidstorm replay``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from chaos.base.interrupt import Interrupt
from chaos.checkers.finding import NAMES
from chaos.cli.completion import complete_defects, complete_files
from chaos.cli.parameters import Catalog
from chaos.cli.screen import Screen
from chaos.cli.targets import TARGET, capsule_of, engine_and_checks
from chaos.drivers.make import DRIVERS
from chaos.judging.user_checks import sha256
from chaos.replaying.replay import Replayed, replay_capsule
from chaos.store.capsule import Capsule, CapsuleError
from chaos.store.version import tool_version
from workers.defects.loader import source_text
from workers.protocol import DefectSource


@click.command("replay")
@click.argument("target", metavar=TARGET, shell_complete=complete_files)
@click.option(
    "--driver",
    type=click.Choice(list(DRIVERS)),
    help="[the recorded one; sim where a free run could be rebuilt]",
)
@click.option(
    "--defect",
    "defects",
    multiple=True,
    metavar="ID|FILE.py|none",
    shell_complete=complete_defects,
    help="Instead of the recorded defects; 'none' for the reference engine.",
)
@click.option("--allow-code", is_flag=True, help="Run code that the capsule carries.")
@click.option("--trace", metavar="FILE", help="Write the replayed run, a line per step, to a file.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.pass_obj
def replay_command(
    catalog: Catalog,
    target: str,
    driver: str | None,
    defects: tuple[str, ...],
    allow_code: bool,
    trace: str | None,
    output: str,
) -> int:
    """Run one recorded run again, step for step, and judge it again.

    Code that a capsule carries (defects and checks from files) runs only with --allow-code; checks also
    when --defect replaces the defects.
    """
    interrupt = Interrupt()
    capsule, is_recording = capsule_of(catalog, target)
    capsule, checks = engine_and_checks(
        target, capsule, defects, is_recording=is_recording, allow_code=allow_code
    )
    interrupt.install()
    sources = capsule.defect_sources()
    chosen = driver or capsule.replay_driver
    replayed = replay_capsule(capsule, chosen, sources, checks, interrupt)
    expects_same = not defects and chosen != "realtime"
    code, remark = _compare(capsule, replayed) if expects_same else (int(replayed.verdict), "")
    if replayed.ends_early and not replayed.findings:
        remark = (
            f"no finding up to step {replayed.steps}, where the recording ends; "
            "what was under way was not healed and audited"
        )
    if trace is not None:
        _write_trace(Path(trace), replayed.trace)
    _show_replay(capsule, replayed, code, remark, output, chosen)
    return code


def _write_trace(path: Path, lines: list[str]) -> None:
    try:
        path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise CapsuleError(f"{path} can't be written: {error.strerror}") from None


def _compare(capsule: Capsule, replayed: Replayed) -> tuple[int, str]:
    """The exit code, and a remark when the replay isn't what was recorded."""
    expected = capsule.expected
    code = int(replayed.verdict)
    if replayed.divergence or expected is None or capsule.schedule is None:
        return code, ""
    if replayed.fingerprint == expected.fingerprint:
        return code, "the fingerprint is the recorded one"
    if capsule.raidstorm_version == tool_version() and code == expected.verdict:
        return code, (
            f"the fingerprint {replayed.fingerprint} is not the recorded {expected.fingerprint}; "
            "the code, or the capsule, is not what it was"
        )
    changed = [
        defect.id
        for defect in capsule.defects
        if sha256(source_text(DefectSource(defect.id, defect.source))) != defect.sha256
    ]
    if changed:
        return code, f"the defect {', '.join(changed)} is not what it was when this was recorded"
    return code, (
        f"the recorded run ended {NAMES.get(expected.verdict, expected.verdict)} with fingerprint "
        f"{expected.fingerprint}, this one has {replayed.fingerprint}"
    )


def _show_replay(
    capsule: Capsule, replayed: Replayed, code: int, remark: str, output: str, driver: str
) -> None:
    if output == "json":
        summary_ = {
            "experiment": capsule.experiment.name,
            "seed": capsule.seed,
            "exit_code": code,
            "fingerprint": replayed.fingerprint,
            "expected": capsule.expected,
            "steps": replayed.steps,
            "findings": replayed.findings,
            "divergence": replayed.divergence,
            "remark": remark,
        }
        sys.stdout.buffer.write(msgspec.json.encode(summary_) + b"\n")
        sys.stdout.flush()
        return
    screen = Screen(quiet=False)
    defects = ", ".join(defect.id for defect in capsule.defects) or "none"
    screen.say(f"{capsule.experiment.name}: seed {capsule.seed}, defects: {defects}", "bold")
    if capsule.rebuilt and driver != "realtime":
        screen.say(f"the steps of a free run, taken again in {driver}")
    if replayed.divergence:
        screen.say(f"the schedule no longer applies: {replayed.divergence}", "red")
        return
    screen.say(
        f"{NAMES[int(replayed.verdict)]} after {replayed.steps} steps, fingerprint {replayed.fingerprint}",
        "green" if code == 0 else "red",
    )
    if replayed.findings:
        screen.say(replayed.findings[0].summary)
    for line in replayed.story:
        screen.say(f"  {line}")
    if remark:
        screen.say(remark)
