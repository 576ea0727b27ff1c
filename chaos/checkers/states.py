"""The array's counters and states fit together and change as they may (C10)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.controller import Execution
from chaos.history import Invoked, Seen, SlotFlag
from chaos.schedule import Kill, PowerLoss
from workers.shared import ProcessState, RaidState

# From each state, where it may go in one step.
STATES = {
    RaidState.ABSENT: (RaidState.CONFIGURING, RaidState.ONLINE),
    RaidState.CONFIGURING: (RaidState.ONLINE, RaidState.OFFLINE, RaidState.ABSENT),
    RaidState.ONLINE: (RaidState.OFFLINE,),
    RaidState.OFFLINE: (RaidState.ABSENT,),
}
PROCESS_STATES = {
    ProcessState.NONE: (ProcessState.INIT,),
    ProcessState.INIT: (ProcessState.RUNNING, ProcessState.STOPPING, ProcessState.NONE),
    ProcessState.RUNNING: (ProcessState.STOPPING,),
    ProcessState.STOPPING: (ProcessState.NONE,),
}


def check_states(execution: Execution) -> list[Finding]:
    """The first record that contradicts itself, or can't follow the one before."""
    state, process = RaidState.ABSENT, ProcessState.NONE
    for entry in execution.history:
        if entry.__class__ is Invoked and isinstance(entry.step, (Kill, PowerLoss)):
            state, process = RaidState.ABSENT, ProcessState.NONE
        if entry.__class__ is not Seen:
            continue
        now, process_now = RaidState(entry.state), ProcessState(entry.process_state)
        if now is not state and now not in STATES[state]:
            return [_finding("state", f"it went from {state.name} to {now.name}", entry)]
        if process_now is not process and process_now not in PROCESS_STATES[process]:
            change = f"its rebuild went from {process.name} to {process_now.name}"
            return [_finding("process state", change, entry)]
        state, process = now, process_now
        odd = _oddity(entry)
        if odd is not None:
            return [_finding(*odd, entry)]
    return []


def _oddity(entry: Seen) -> tuple[str, str] | None:
    """What contradicts itself in one record: its shape, and in words."""
    slots = [SlotFlag(flags) for flags in entry.slots]
    configured = sum(SlotFlag.CONFIGURED in slot for slot in slots)
    targets = [place for place, slot in enumerate(slots) if SlotFlag.PROCESS_TARGET in slot]
    if entry.state == RaidState.ABSENT:
        return None
    if entry.discovered != configured:
        return "discovered", f"it counts {entry.discovered} discovered members and has {configured}"
    if entry.state == RaidState.ONLINE and entry.operational < entry.discovered:
        counts = f"{entry.operational} operational members, {entry.discovered} discovered"
        return "operational", f"it counts {counts}"
    if len(targets) > 1:
        return "targets", f"slots {targets} are rebuild targets at the same time"
    if targets and entry.process_state != ProcessState.NONE and targets[0] != entry.process_slot:
        return (
            "target",
            f"slot {targets[0]} is a rebuild target, but slot {entry.process_slot} is rebuilt",
        )
    for place, slot in enumerate(slots):
        if SlotFlag.CONFIGURED in slot and SlotFlag.OCCUPIED not in slot:
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
