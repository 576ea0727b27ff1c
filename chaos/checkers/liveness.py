"""After healing, everything that has begun finishes (C2, C3)."""

from __future__ import annotations

from chaos.checkers.finding import Finding, Verdict
from chaos.checkers.unmet_goals import UnmetGoals
from chaos.checkers.wait_chains import chains
from chaos.plan.faults import PULLS
from chaos.run.execution import Execution
from chaos.steps.block_words import blocks
from chaos.steps.history import Completed, EngineEvent, History, Invoked
from chaos.steps.schedule import (
    CHANGING,
    IO,
    Admin,
    Connect,
    Disconnect,
    HostStep,
    Inject,
    Kill,
    Open,
    Operate,
    OutsideStep,
    PowerLoss,
    Read,
)
from workers.nvmf.status import AdminOpcode
from workers.raid.rebuild import END_OF_REBUILD

SHOWN_MAX = 8


def check_liveness(execution: Execution) -> list[Finding]:
    """Report a run that could not reach its end, with what is stuck."""
    if execution.crash is not None or execution.settled or execution.interrupted:
        return []
    tells = execution.plan.target is None
    ops, stuck = unfinished(execution.history, _last_old_step(execution), tells_of_pulls=tells)
    wanted = UnmetGoals()
    wanted.follow(execution.history)
    kinds = {what.split(" ", 1)[0] for what in stuck}
    # Which one of many equal requests is outstanding at the end is chance, so it is no part of the shape.
    kinds = {kind for kind in kinds if not wanted.is_repeated(kind)}
    wants = wanted.repeated() if kinds else wanted.of(execution.plan)
    shown = "; ".join([*stuck[:SHOWN_MAX], *(words for _, words in wants)])
    if len(stuck) > SHOWN_MAX:
        shown += f"; and {len(stuck) - SHOWN_MAX} more"
    bound = (
        " within the bound" if execution.settle_bound_hit else ", and no step is possible any more"
    )
    return [
        Finding(
            check="liveness",
            kind="stuck",
            shape="+".join(sorted(kinds | {kind for kind, _ in wants})),
            summary=f"not finished after healing{bound}: {shown}",
            step=execution.steps,
            verdict=Verdict.LIVENESS,
            ops=ops[:SHOWN_MAX],
            waits=_waits(execution, ops, stuck),
        )
    ]


def _last_old_step(execution: Execution) -> int:
    """Return the step after which a request is too young to be stuck.

    The time of a target in C never stops, so its hosts send keep alive commands to the end of a bound that is used up.
    """
    if execution.plan.target is None or not execution.settle_bound_hit:
        return execution.steps
    return execution.steps - execution.plan.settle_steps // 2


def _waits(execution: Execution, ops: list[int], stuck: list[str]) -> tuple[str, ...]:
    """Describe what the stuck requests wait for."""
    names: dict[str, str] = {}
    for entry in execution.history:
        match entry:
            case Invoked(step=Inject() as step):
                names[f"op {step.op}"] = _name(step)
            case Invoked(step=step) if _is_answered(step):
                names[f"op {step.op}"] = _name(step)  # type: ignore[union-attr, arg-type]
            case _:
                pass
    starts = [f"op {op}" for op in ops]
    return chains(
        execution.waits, [*starts, END_OF_REBUILD] if len(stuck) > len(ops) else starts, names
    )


def unfinished(
    history: History, last_step: int, *, tells_of_pulls: bool
) -> tuple[list[int], list[str]]:
    """Return the ops begun until this step that have not ended, and the descriptions of all that has not ended.

    ``tells_of_pulls``: the target answers a pull when the disk's bdev is gone; those in C don't.
    """
    begun: dict[int, HostStep | Operate | Inject] = {}
    rebuild = ""
    for entry in history:
        match entry:
            case Invoked(step=Kill() | PowerLoss()):
                begun.clear()
                rebuild = ""
            case Invoked(step=Inject() as step):
                if tells_of_pulls and step.fault in PULLS:
                    begun[step.op] = step
            case Invoked(number=number, step=step):
                if number <= last_step and _is_answered(step):
                    begun[step.op] = step  # type: ignore[union-attr, assignment]
            case Completed(op=op):
                begun.pop(op, None)
            case EngineEvent(event=event):
                if event.name == "rebuild.started":
                    rebuild = f"rebuild of disk {event.args[1]}"
                elif event.name == "rebuild.finished":
                    rebuild = ""
                elif event.name == "nvmf.qpair_destroyed":
                    for op, step in list(begun.items()):
                        if getattr(step, "connection", None) == event.args[0]:
                            del begun[op]
            case _:
                pass
    named = [_name(step) for step in begun.values()]
    return list(begun), [*named, rebuild] if rebuild else named


def _is_answered(step: OutsideStep) -> bool:
    """Return whether an answer must come at some time."""
    if isinstance(step, Admin):
        return step.opcode != AdminOpcode.ASYNC_EVENT_REQUEST
    return isinstance(step, (Open, Connect, Disconnect, Operate, *IO))


def _name(step: HostStep | Operate | Inject) -> str:
    if isinstance(step, Inject):
        return f"{step.fault} of disk {step.disk} (op {step.op})"
    if isinstance(step, Operate):
        return f"{step.method} (op {step.op})"
    where = ""
    if isinstance(step, (Read, *CHANGING)):
        where = f", {blocks(step.slba, step.blocks)}"
    return f"{type(step).__name__.lower()} of host {step.host} (op {step.op}{where})"
