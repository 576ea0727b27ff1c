"""Counts of the target's named states, which its probes report, and of the faults that came in them."""

from __future__ import annotations

from collections import Counter

from chaos.plan.faults import FAULTS
from chaos.plan.reach_vocabulary import STATES, TIMES
from chaos.steps.history import EngineEvent, History, Invoked
from chaos.steps.schedule import Impair, Inject, Kill, PowerLoss, Stall, Step

_FAULTY = frozenset((Inject, Impair, Stall, Kill, PowerLoss))
_BEGINS = {
    event: [name for name, state in STATES.items() if event in state.begins]
    for state in STATES.values()
    for event in state.begins
}
_ENDS = {
    event: [name for name, state in STATES.items() if event in state.ends]
    for state in STATES.values()
    for event in state.ends
}


def count_states(history: History) -> dict[str, int]:
    """Return how often each state was entered, and how often each fault came in it; nothing that didn't happen."""
    counts: Counter[str] = Counter()
    lasting: dict[str, bool] = {}
    for entry in history:
        # Classes are compared: isinstance asks a struct's metaclass, which is slow.
        if entry.__class__ is EngineEvent:
            event = entry.event.name
            if event in _ENDS:
                for name in _ENDS[event]:
                    lasting.pop(name, None)
            if event in _BEGINS:
                for name in _BEGINS[event]:
                    during = STATES[name].during
                    if not during or during in lasting:
                        counts[name] += name not in lasting
                        lasting[name] = True
        elif entry.__class__ is Invoked and entry.step.__class__ in _FAULTY:
            fault = _fault_of(entry.step)
            if fault:
                for name in lasting:
                    counts[name + TIMES + fault] += 1
            if entry.step.__class__ in (Kill, PowerLoss):
                lasting.clear()
    return dict(sorted(counts.items()))


def _fault_of(step: Step) -> str:
    """Return the kind of fault that a step is; empty for everything else, heals included."""
    if isinstance(step, (Inject, Impair)):
        return step.fault if step.fault in FAULTS else ""
    if isinstance(step, Stall):
        return "reactor_stall"
    if isinstance(step, Kill):
        return "target_kill"
    return "power_loss" if isinstance(step, PowerLoss) else ""
