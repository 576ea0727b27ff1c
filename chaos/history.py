"""Public: the entries of a history. Users' checks import from here; the code is in chaos/steps/."""

from chaos.steps.history import (
    Compared,
    Completed,
    Crashed,
    EngineEvent,
    Entry,
    History,
    Invoked,
    Seen,
    Undelivered,
    Written,
)

# The names that checks in stored capsules may use.
Happened, Unheard = EngineEvent, Undelivered

__all__ = [
    "Compared",
    "Completed",
    "Crashed",
    "EngineEvent",
    "Entry",
    "Happened",
    "History",
    "Invoked",
    "Seen",
    "Undelivered",
    "Unheard",
    "Written",
]
