"""When planned things are due: at a point of the run, or at a point of a rebuild's progress."""

from __future__ import annotations

from chaos.experiment import RUN_PERMILLE
from chaos.model import Model
from chaos.plan import Planned


def is_due(planned: Planned, now_permille: int, model: Model) -> bool:
    """Has the moment come? ``now_permille`` is how much of the chaos phase is over."""
    if planned.anchor == "run":
        return now_permille >= planned.moment
    rebuild = model.rebuild
    if rebuild is None:
        return False
    if model.rebuilds_started < planned.occurrence:
        return False
    return rebuild.offset * RUN_PERMILLE >= planned.moment * max(rebuild.blocks, 1)
