"""halfway: a request is stopped in the middle of its own steps, until something else has come.

A channel that is born, a member that is added or removed, a disk that is pulled, each takes many messages. What hurts is
often that it is half done when global state changes, for example on a high thread just before an iteration comes by. A thing
that is only *started* near such a change is over before it, or begins after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.base.prng import Stream
from chaos.plan.rpcs import Rpc
from chaos.run.schedulers.random import RandomScheduler
from chaos.run.trail import NO_ONE, Trail
from chaos.steps.schedule import EngineStep, FireTimer, Inject, Operate, OutsideStep

if TYPE_CHECKING:
    from chaos.plan.plan import Plan
    from chaos.run.model import Model

STOPPED_PERCENT = 70  # of the requests that can be stopped
OWN_STEPS_MAX = 14  # of a request, until it is stopped
LENGTH_BITS = (4, 9)  # at most 2**4 to 2**9 steps
STAGES_MAX = 10  # steps from what comes until the request goes on
FINISH_PERCENT = 40
STOPPABLE = frozenset(
    (
        Rpc.NVMF_SUBSYSTEM_ADD_NS,
        Rpc.NVMF_SUBSYSTEM_REMOVE_NS,
        Rpc.NVMF_SUBSYSTEM_ADD_LISTENER,
        Rpc.NVMF_SUBSYSTEM_REMOVE_LISTENER,
        Rpc.NVMF_CREATE_POLL_GROUP,
        Rpc.NVMF_DESTROY_POLL_GROUP,
        Rpc.BDEV_RAID_ADD_BASE_BDEV,
        Rpc.BDEV_RAID_REMOVE_BASE_BDEV,
        Rpc.BDEV_RAID_CREATE,
        Rpc.BDEV_RAID_DELETE,
        Rpc.BDEV_EXAMINE,
        Rpc.BDEV_RESET,
    )
)
AWAITED = (
    "rebuild.started",
    "rebuild.window_done",
    "rebuild.finished",
    "raid.superblock_writing",
    "raid.superblock_ended",
    "raid.removing_member",
    "raid.member_removed",
    "raid.member_failed",
    "raid.deleted",
    "bdev.quiesced",
    "bdev.unregistering",
    "bdev.unregistered",
    "bdev.resetting",
    "nvmf.pausing",
    "nvmf.resumed",
)
# In the end of a rebuild, whose result is fixed in the step of one of these.
FINISHING = ("raid.superblock_ended", "bdev.quiesced")


class HalfwayScheduler(RandomScheduler):
    """Chooses at random, except for the steps of a stopped request, which wait while others are possible."""

    def __init__(self, stream: Stream, plan: Plan, model: Model) -> None:
        super().__init__(stream, plan, model)
        self._stream = stream
        self.trail = Trail()
        self._stops: dict[int, int] = {}  # op -> after how many steps of its own it is stopped
        self.stopped: int | None = None
        self._awaited: tuple[str, ...] = ()
        self._is_for_finish = False
        self._since = 0
        self._ends = 0  # the step in which it goes on at the latest

    def sees(self, step: OutsideStep) -> int:
        """Decide whether a request is followed, to be stopped; return its op or NO_ONE."""
        if not isinstance(step, Inject | Operate):
            return NO_ONE
        if isinstance(step, Operate) and step.method not in STOPPABLE:
            return NO_ONE
        if not self._stream.chance(STOPPED_PERCENT, 100):
            return NO_ONE
        self._stops[step.op] = 1 + self._stream.integer_below(OWN_STEPS_MAX)
        return step.op

    def _choose(self, choices: list[EngineStep]) -> EngineStep | None:
        if self.stopped is None:
            self._stop_one()
        else:
            self._look_out()
        return self._let_go(super()._choose(choices), choices)

    def _choose_instead(self, passed: EngineStep, choices: list[EngineStep]) -> EngineStep | None:
        return self._let_go(super()._choose_instead(passed, choices), choices)

    def _stop_one(self) -> None:
        progress = self.trail.progress
        for op, after in list(self._stops.items()):
            if op not in progress:
                del self._stops[op]  # it is over
            elif progress[op] >= after:
                del self._stops[op]
                self._stop(op)
                return

    def _stop(self, op: int) -> None:
        stream, model = self._stream, self._model
        self.stopped, self._since = op, model.steps
        low, high = LENGTH_BITS
        self._ends = model.steps + int(2 ** (low + stream.fraction() * (high - low)))
        self._is_for_finish = model.array.rebuild is not None and stream.chance(FINISH_PERCENT, 100)
        self._awaited = FINISHING if self._is_for_finish else (stream.choice(AWAITED),)

    def _look_out(self) -> None:
        """Let the request go on a few steps after what it waits for, or when it has waited for long."""
        model = self._model
        if self.stopped not in self.trail.progress:
            self.stopped = None  # the target is gone
            return
        came = any(model.anchors.last_came(event) > self._since for event in self._awaited)
        rebuild = model.array.rebuild
        if came and self._is_for_finish and rebuild is not None and not rebuild.is_copied:
            self._since = model.steps  # the window's, not the end's
            came = False
        if came:
            self._awaited = ()
            self._ends = min(self._ends, model.steps + self._stream.integer_below(STAGES_MAX))
        if model.steps >= self._ends:
            self.stopped = None

    def _let_go(self, chosen: EngineStep | None, choices: list[EngineStep]) -> EngineStep | None:
        if chosen is None or self.stopped is None or self.trail.owner(chosen) != self.stopped:
            return chosen
        stalled = self._model.stalled[0] if self._model.stalled is not None else None
        others = [
            one
            for one in choices
            if self.trail.owner(one) != self.stopped
            and one.__class__ is not FireTimer
            and one.reactor != stalled
        ]
        return others[int(self._draw() * len(others))] if others else None
