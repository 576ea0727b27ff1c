"""Replays of a capsule, by its steps or by its seed, with their judgement."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chaos.base.interrupt import never
from chaos.checkers import Check, Finding, Verdict
from chaos.drivers.make import make_driver
from chaos.drivers.realtime import RealtimeDriver
from chaos.judging.judge import judge
from chaos.judging.same_failure import wanted_first
from chaos.narrating.described import Engine, describe_run
from chaos.plan.driver_names import DriverName
from chaos.run.controller import Controller, DivergenceError
from chaos.scripts.player import Player
from chaos.showing.trace import trace_lines
from chaos.store.capsule import Capsule
from workers.protocol import DefectSource


class Replayed(msgspec.Struct, frozen=True):
    """The result of a replay."""

    verdict: Verdict
    findings: list[Finding]
    story: list[str]
    fingerprint: str
    steps: int
    divergence: str = ""
    ends_early: bool = False  # the recording ends before heal and audit
    trace: list[str] = []


def replay_capsule(
    capsule: Capsule,
    driver_name: DriverName,
    defects: tuple[DefectSource, ...],
    checks: tuple[Check, ...],
    interrupted: Callable[[], bool] = never,
) -> Replayed:
    """Replay a capsule: by its schedule, or by its seed where the schedule wasn't recorded."""
    driver = make_driver(driver_name, capsule.experiment, interrupted, capsule.plan.target)
    try:
        if isinstance(driver, RealtimeDriver):
            execution, _ = driver.run(capsule.plan, capsule.seed, defects, None)
        else:
            controller = Controller(capsule.plan, driver, defects)
            if capsule.schedule is None:
                execution = controller.explore(capsule.seed)
            elif capsule.script is not None and defects != capsule.defect_sources():
                # Another engine takes other steps; the script has those whose order matters.
                player = Player(capsule.plan, driver, defects)
                execution = player.play(capsule.script, to_the_end=not capsule.cut).execution
            else:
                execution = controller.replay(capsule.schedule, cut=capsule.cut)
    except DivergenceError as error:
        return Replayed(Verdict.NOT_EXERCISED, [], [], "", 0, str(error))
    finally:
        driver.close()
    findings = judge(execution, checks)
    if capsule.cut and capsule.expected is not None:
        findings = wanted_first(findings, capsule.expected.signature)
    script = capsule.script if defects == capsule.defect_sources() else None
    engine = Engine(defects, script, capsule.cut)
    described = describe_run(execution, findings, capsule.seed, capsule.labels, engine)
    return Replayed(
        verdict=described.verdict,
        findings=findings,
        story=described.story,
        fingerprint=execution.fingerprint,
        steps=execution.steps,
        ends_early=execution.interrupted,
        trace=list(trace_lines(execution, described.words, findings)),
    )
