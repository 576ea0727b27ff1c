"""One planned fault or operation, with its moment."""

from __future__ import annotations

from typing import Literal

import msgspec

from chaos.plan.experiment import Anchor

# An event: a flush was answered with success, though a disk has failed it.
FLUSHED_IN_PART = "flushed_in_part"
PlannedAnchor = Anchor | Literal["event"]


class Planned(msgspec.Struct, frozen=True):
    """One planned fault or operation: ``moment`` in thousandths of the run or of a rebuild's progress.

    With the anchor "event" it comes ``stage`` steps after the ``occurrence``-th ``event``.
    """

    kind: str
    anchor: PlannedAnchor
    moment: int
    occurrence: int  # the number of the rebuild, or of the event, counted from 1
    lasting: int
    event: str = ""  # an engine's event, an RPC, or the kind of another planned thing; see chaos/run/anchors.py
    stage: int = 0  # steps
