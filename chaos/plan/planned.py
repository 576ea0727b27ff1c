"""One planned fault or operation, and when it is to come."""

from __future__ import annotations

from typing import Literal

import msgspec

from chaos.plan.experiment import Anchor

PlannedAnchor = Anchor | Literal["event"]


class Planned(msgspec.Struct, frozen=True):
    """One planned fault or operation: ``moment`` in thousandths of the run or of a rebuild's progress.

    With the anchor "event" it comes ``stage`` steps after ``event`` has come for the ``occurrence``-th time.
    """

    kind: str
    anchor: PlannedAnchor
    moment: int
    occurrence: int  # for a rebuild: in which one; for an event: which one; both counted from 1
    lasting: int
    event: str = (
        ""  # of the engine, an RPC, or the kind of another planned thing; see chaos/run/anchors.py
    )
    stage: int = 0  # steps
