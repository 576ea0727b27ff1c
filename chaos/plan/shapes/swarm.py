"""swarm: each kind of fault and operation is left out of half of the seeds.

An absent kind can't hide the effects of the others (swarm testing).
"""

from __future__ import annotations

from chaos.base.prng import Stream
from chaos.plan.experiment import Experiment, Fault, Operation
from chaos.plan.planned import Planned

ABSENT_PERCENT = 50


def leave_out(planned: list[Planned], experiment: Experiment, stream: Stream) -> list[Planned]:
    """Return what is left; asked kind by kind in the order of the experiment, so that a kind's fate is one draw."""
    absent: dict[str, bool] = {}
    kinds: list[Fault | Operation] = [*experiment.faults, *experiment.operations]
    for kind in kinds:
        if kind.kind not in absent:
            absent[kind.kind] = stream.chance(ABSENT_PERCENT, 100)
    return [one for one in planned if not absent[one.kind]]
