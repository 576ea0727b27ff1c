"""A step touches only what its thread owns: all events of a step are on that thread (C13)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.run.execution import Execution
from chaos.steps.history import EngineEvent, was_observed
from chaos.steps.schedule import Deliver, FinishIo, FireTimer

ANY_THREAD = -1


def check_affinity(execution: Execution) -> list[Finding]:
    """Find the first event on another thread than that of its step."""
    if not was_observed(execution.history):
        return []
    schedule = execution.schedule
    for entry in execution.history:
        if entry.__class__ is not EngineEvent or not 1 <= entry.number <= len(schedule):
            continue
        step = schedule[entry.number - 1]
        if step.__class__ is Deliver:
            thread = step.receiver
        elif step.__class__ in (FinishIo, FireTimer):
            thread = step.thread
        else:
            continue
        event = entry.event
        if event.thread not in (thread, ANY_THREAD):
            return [
                Finding(
                    check="affinity",
                    kind="foreign thread",
                    shape=event.name,
                    summary=(
                        f"{event.name} happened on thread {event.thread} in a step of "
                        f"thread {thread}: it touched what another thread owns"
                    ),
                    step=entry.number,
                    verdict=Verdict.INVALID,
                )
            ]
    return []
