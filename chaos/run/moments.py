"""When planned things are due: at a point of the run or of a rebuild's progress, or after an event."""

from __future__ import annotations

from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.planned import Planned
from chaos.run.model import Model


def is_due(planned: Planned, now_permille: int, model: Model) -> bool:
    """Has the moment come? ``now_permille`` is how much of the chaos phase is over."""
    if planned.anchor == "run":
        return now_permille >= planned.moment
    if planned.anchor == "event":
        return model.anchors.has_come(planned, model.steps)
    rebuild = model.array.rebuild
    if rebuild is None:
        return False
    if model.array.rebuilds_started < planned.occurrence:
        return False
    return rebuild.offset * RUN_PERMILLE >= planned.moment * max(rebuild.blocks, 1)
