"""The due planned things: at a point of the run or of a rebuild's progress, or after an event."""

from __future__ import annotations

from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.planned import Planned
from chaos.plan.sequence import HELD_BACK
from chaos.run.model import Model


def due_of(waiting: list[Planned], now_permille: int, model: Model) -> list[Planned]:
    """Return those whose moment has come, in their order; ``now_permille`` is how much of the chaos phase is over."""
    # This is asked of all of them in every turn of the outside; most wait for a moment of the run.
    anchors, steps = model.anchors, model.steps
    if model.in_sequence:
        waiting = [planned for planned in waiting if planned.kind not in HELD_BACK]
    return [
        planned
        for planned in waiting
        if (
            now_permille >= planned.moment
            if planned.anchor == "run"
            else anchors.has_come(planned, steps)
            if planned.anchor == "event"
            else _is_rebuilt_so_far(planned, model)
        )
    ]


def _is_rebuilt_so_far(planned: Planned, model: Model) -> bool:
    rebuild = model.array.rebuild
    if rebuild is None:
        return False
    if model.array.rebuilds_started < planned.occurrence:
        return False
    return rebuild.offset * RUN_PERMILLE >= planned.moment * max(rebuild.blocks, 1)
