"""Public: the entries of a history. Users' checks import from here; the code is in chaos/steps/."""

from chaos.steps.history import (
    FINGERPRINT_BATCH,
    NOT_LOOKED,
    Compared,
    Completed,
    Crashed,
    EngineEvent,
    Entry,
    Fingerprint,
    History,
    Invoked,
    Seen,
    SlotFlag,
    Undelivered,
    Written,
    was_observed,
)

# The names that checks in stored capsules may use.
Happened, Unheard = EngineEvent, Undelivered

__all__ = [
    "FINGERPRINT_BATCH",
    "NOT_LOOKED",
    "Compared",
    "Completed",
    "Crashed",
    "EngineEvent",
    "Entry",
    "Fingerprint",
    "Happened",
    "History",
    "Invoked",
    "Seen",
    "SlotFlag",
    "Undelivered",
    "Unheard",
    "Written",
    "was_observed",
]
