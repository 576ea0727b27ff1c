"""The interface of a scheduler: an oracle that chooses the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chaos.steps.agenda import Agenda
from chaos.steps.schedule import Step

if TYPE_CHECKING:
    from chaos.run.generator import Generator


class Scheduler(Protocol):
    """Chooses among the possible steps."""

    def next_step(self, agenda: Agenda, generator: Generator, now_permille: int) -> Step | None:
        """Return the next step; None: nothing is possible any more."""
