"""Public: the entries of a history. Users' checks import from here; the code is in chaos/steps/."""

from chaos.steps.history import (
    Compared,
    Completed,
    Crashed,
    Entry,
    Happened,
    History,
    Invoked,
    Seen,
    Unheard,
    Written,
)

__all__ = [
    "Compared",
    "Completed",
    "Crashed",
    "Entry",
    "Happened",
    "History",
    "Invoked",
    "Seen",
    "Unheard",
    "Written",
]
