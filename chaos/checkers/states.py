"""The array's counters and states are consistent and change in legal ways (C10)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.run.execution import Execution
from chaos.steps.history import Invoked, Seen, SlotFlag
from chaos.steps.schedule import Kill, PowerLoss
from workers.shared import ProcessState, RaidState

# The record changes often, and an enum is slow to make from a number and to compare. So these are plain numbers.
ABSENT, ONLINE = int(RaidState.ABSENT), int(RaidState.ONLINE)
NONE = int(ProcessState.NONE)
OCCUPIED, CONFIGURED = int(SlotFlag.OCCUPIED), int(SlotFlag.CONFIGURED)
PROCESS_TARGET = int(SlotFlag.PROCESS_TARGET)
# The states that may follow each state in one step.
STATES: dict[int, tuple[int, ...]] = {
    RaidState.ABSENT: (RaidState.CONFIGURING, RaidState.ONLINE),
    RaidState.CONFIGURING: (RaidState.ONLINE, RaidState.OFFLINE, RaidState.ABSENT),
    RaidState.ONLINE: (RaidState.OFFLINE,),
    RaidState.OFFLINE: (RaidState.ABSENT,),
}
PROCESS_STATES: dict[int, tuple[int, ...]] = {
    ProcessState.NONE: (ProcessState.INIT,),
    ProcessState.INIT: (ProcessState.RUNNING, ProcessState.STOPPING, ProcessState.NONE),
    ProcessState.RUNNING: (ProcessState.STOPPING,),
    ProcessState.STOPPING: (ProcessState.NONE,),
}


def check_states(execution: Execution) -> list[Finding]:
    """Find the first record that contradicts itself, or can't follow the one before."""
    state, process = ABSENT, NONE
    for entry in execution.history:
        if entry.__class__ is Invoked:
            if entry.step.__class__ in (Kill, PowerLoss):
                state, process = ABSENT, NONE
            continue
        if entry.__class__ is not Seen:
            continue
        now, process_now = entry.state, entry.process_state
        if now != state and now not in STATES[state]:
            change = f"it went from {RaidState(state).name} to {RaidState(now).name}"
            return [_finding("state", change, entry)]
        if process_now != process and process_now not in PROCESS_STATES[process]:
            names = f"{ProcessState(process).name} to {ProcessState(process_now).name}"
            return [_finding("process state", f"its rebuild went from {names}", entry)]
        state, process = now, process_now
        odd = _oddity(entry)
        if odd is not None:
            return [_finding(*odd, entry)]
    return []


def _oddity(entry: Seen) -> tuple[str, str] | None:
    """Return the shape and the description of a contradiction within one record."""
    if entry.state == ABSENT:
        return None
    slots = entry.slots
    configured = len([slot for slot in slots if slot & CONFIGURED])
    targets = [place for place, slot in enumerate(slots) if slot & PROCESS_TARGET]
    if entry.discovered != configured:
        return "discovered", f"it counts {entry.discovered} discovered members and has {configured}"
    if entry.state == ONLINE and entry.operational < entry.discovered:
        counts = f"{entry.operational} operational members, {entry.discovered} discovered"
        return "operational", f"it counts {counts}"
    if len(targets) > 1:
        return "targets", f"slots {targets} are rebuild targets at the same time"
    if targets and entry.process_state != NONE and targets[0] != entry.process_slot:
        return (
            "target",
            f"slot {targets[0]} is a rebuild target, but slot {entry.process_slot} is rebuilt",
        )
    for place, slot in enumerate(slots):
        if slot & CONFIGURED and not slot & OCCUPIED:
            return "empty slot", f"slot {place} is configured and empty"
    return None


def _finding(shape: str, what: str, entry: Seen) -> Finding:
    return Finding(
        check="states",
        kind="state machine",
        shape=shape,
        summary=f"the array contradicts itself: {what}",
        step=entry.number,
        verdict=Verdict.INVALID,
    )
