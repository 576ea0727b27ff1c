"""The rebuild offset over the steps of a run, as one step curve for each rebuild."""

from __future__ import annotations

import msgspec

from chaos.run.execution import Execution
from chaos.steps.history import Crashed, EngineEvent, Invoked
from chaos.steps.schedule import Kill, PowerLoss


class Curve(msgspec.Struct, frozen=True):
    """One rebuild: ``points`` are (step, offset in blocks from that step on); ``end`` is its last step."""

    slot: int
    disk: int
    points: list[tuple[int, int]]
    end: int
    how: str  # the kind of end: "finished", "status -5", "the target died" ...


class RebuildCurves(msgspec.Struct, frozen=True):
    """All rebuilds of a run, and the highest number of blocks that the array had."""

    blocks: int
    curves: list[Curve]


def rebuild_curves(execution: Execution) -> RebuildCurves:
    """Read the curves from the events of the engine."""
    blocks = execution.plan.blocks
    done: list[Curve] = []
    current: Curve | None = None

    def end(number: int, how: str) -> None:
        if current is not None:
            done.append(msgspec.structs.replace(current, end=number, how=how))

    for entry in execution.history:
        number = entry.number
        if isinstance(entry, EngineEvent):
            args = entry.event.args
            match entry.event.name:
                case "rebuild.started":
                    end(number, "another one starts")
                    current = Curve(args[0], args[1], [(number, 0)], number, "")
                case "rebuild.window_done":
                    blocks = max(blocks, args[1])
                    if current is not None:
                        current.points.append((number, args[0]))
                case "rebuild.finished":
                    end(number, "finished" if args[2] == 0 else f"status {args[2]}")
                    current = None
                case "raid.grown":
                    blocks = max(blocks, args[0])
                case _:
                    pass
        elif isinstance(entry, Crashed) or (
            isinstance(entry, Invoked) and isinstance(entry.step, (Kill, PowerLoss))
        ):
            end(number, "the target died")
            current = None
    end(len(execution.schedule), "the run ended")
    return RebuildCurves(blocks, done)
