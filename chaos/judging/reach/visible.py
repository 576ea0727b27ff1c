"""What can be counted of a target in C: it shows its replies and its state, and fewer events than the engine emits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chaos.judging.reach.count import COUNTED_EVENTS
from chaos.plan.reach_vocabulary import SEQUENCE_COMPLETED, STATES, TIMES, item_counted
from chaos.plan.sequence import Act
from chaos.plan.target_id import TargetId
from chaos.plan.targets import SHOWN, acts, sequence_obstacle

# Counted from several events, some of which are not shown; and a target may answer each abort "not aborted".
NOT_SHOWN = (
    "commands_aborted",
    "hosts_vanished",
    "members_too_small",
    "requests_refused_by_size",
)


# Counts of what hosts may send only if the target can do it, by the beginning of their names.
OF_CAPABILITIES = ("abort", "compare", "flush", "fua", "unmap", "write_zeroes")


def gates_for(
    gates: Mapping[str, int], target: TargetId | None, sequence: Sequence[Act] = ()
) -> dict[str, int]:
    """Return the gates that a run of this target can be judged by."""
    if target is None:
        return dict(gates)
    return {name: wanted for name, wanted in gates.items() if _is_shown(name, target, sequence)}


def _is_shown(name: str, target: TargetId, sequence: Sequence[Act]) -> bool:
    if name == SEQUENCE_COMPLETED or item_counted(name):
        return not sequence_obstacle(sequence, target)
    state, crossed, fault = name.partition(TIMES)
    if state in STATES:
        row = STATES[state]
        of = (*row.begins, *(STATES[row.during].begins if row.during else ()))
        return SHOWN.issuperset(of) and (not crossed or acts(fault, target))
    needed = next((what for what in OF_CAPABILITIES if name.startswith(what)), None)
    if needed is not None and not target.can(needed):
        return False
    events = [event for event, count in COUNTED_EVENTS.items() if count == name]
    return name not in NOT_SHOWN and SHOWN.issuperset(events)
