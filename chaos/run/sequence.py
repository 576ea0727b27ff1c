"""A directed sequence, carried out: the items in their order, each when its conditions hold and the budget allows it.

While it goes on, planned faults and operations that would disturb it wait (``HELD_BACK``), and the chaos goes on until it is
through, within a bound. Hosts do I/O, and the operator repairs, as in any run.
"""

from __future__ import annotations

from chaos.plan.experiment import RUN_PERMILLE
from chaos.plan.operations import OPERATIONS
from chaos.plan.plan import Plan
from chaos.plan.planned import Planned
from chaos.plan.sequence import AFTERMATH, KINDS_OF_REBUILDS, OF_REBUILDS, WAIT, PlannedAct
from chaos.run.anchors import Watch
from chaos.run.model import Model
from chaos.run.nemesis import Nemesis
from chaos.run.operator import Operator
from chaos.run.sequence_disks import STALE, SequenceDisks
from chaos.steps.schedule import OutsideStep

ENDLESS = 1 << 30  # thousandths of the run
# After these, an item that is about a rebuild may be due.
OF_PROGRESS = ("rebuild.started", "rebuild.window_done")


class SequenceActor:
    """The actor that begins the items of a plan's sequence."""

    def __init__(self, plan: Plan, model: Model, nemesis: Nemesis, operator: Operator) -> None:
        self.plan = plan
        self.model = model
        self.nemesis = nemesis
        self.operator = operator
        self.came = 0  # items
        self._disks = SequenceDisks(plan, model, nemesis)
        self._since: int | None = None  # the step of the item before
        self._able_since: int | None = None  # thousandths; an item without a condition could come
        self._watch: Watch | None = None
        self._over_at: int | None = None  # thousandths

    @property
    def is_through(self) -> bool:
        """Return whether all items have come, and all disks have returned as their items say."""
        return self._over_at is not None and self._disks.is_exact

    @property
    def chaos_ends(self) -> int:
        """Return when the chaos ends, in thousandths of its planned length."""
        if self.model.in_sequence:
            return self.plan.chaos_permille_max
        if self._over_at is None:
            return RUN_PERMILLE
        return max(RUN_PERMILLE, self._over_at + AFTERMATH)

    def next_step(self, now_permille: int) -> OutsideStep | None:
        """Return the next step of the sequence, if one is due."""
        if self._since is None:
            self._await_next()
        step: OutsideStep | None = self._disks.next_step(now_permille)
        while step is None and self.came < len(self.plan.sequence):
            act = self.plan.sequence[self.came]
            if act.heal == STALE:
                step = self._disks.keep_image(act, now_permille)
            if step is not None or not self._is_due(act, now_permille):
                return step
            step = self._begin(act, now_permille)
            if step is None and act.kind != WAIT:
                return None
        if self.came == len(self.plan.sequence) and not self._disks.is_awaiting:
            self._end(now_permille)
        return step

    def _end(self, now_permille: int) -> None:
        self._over_at = now_permille
        self.stop()

    def stop(self) -> None:
        """Disturb the other actors no longer: it is through, or the chaos is over."""
        self.model.in_sequence = False
        self.model.awaited_disks.clear()
        self.model.anchors.eager_for = ()

    # When an item is due.

    def _is_due(self, act: PlannedAct, now_permille: int) -> bool:
        assert self._since is not None, "the first question sets it"
        if act.wait and not self._has_waited(act, now_permille):
            return False
        if self._watch is not None:
            has_come = self._watch.is_over(self.model.steps)
        else:
            has_come = self.model.steps >= self._since + act.stage
        if act.rebuild:
            return has_come and self._is_rebuilding(act)
        return has_come and now_permille >= act.moment

    def _has_waited(self, act: PlannedAct, now_permille: int) -> bool:
        """Return whether the drawn time has passed since it first could come."""
        if self._able_since is None and self._disks.among(act) != []:
            self._able_since = now_permille
        return self._able_since is not None and now_permille >= self._able_since + act.wait

    def _is_rebuilding(self, act: PlannedAct) -> bool:
        """Return whether its rebuild, or a later one, is where it is to be: from the drawn point to the upper bound."""
        array = self.model.array
        rebuild = array.rebuild
        if rebuild is None or array.rebuilds_started < act.rebuild:
            return False
        blocks = max(rebuild.blocks, self.model.array.blocks, 1)
        done = rebuild.offset * RUN_PERMILLE // blocks
        after_window = (rebuild.offset + self.plan.layout.window_blocks) * RUN_PERMILLE // blocks
        # With large windows no report of progress may lie between the two, so the last one before the bound is right.
        return done <= act.moment_max and (done >= act.moment or after_window > act.moment_max)

    def _await_next(self) -> None:
        """Begin to wait for the conditions of the next item."""
        anchors = self.model.anchors
        self._since = self.model.steps
        self._watch, self._able_since = None, None
        anchors.eager_for = ()
        if self.came == len(self.plan.sequence):
            return
        act = self.plan.sequence[self.came]
        if act.after:
            self._watch = anchors.watch(act.after, act.occurrence, act.stage)
        elif act.stage:
            anchors.remind(self.model.steps + 1 + act.stage)
        if act.rebuild or act.disk in OF_REBUILDS or act.kind in KINDS_OF_REBUILDS:
            anchors.eager_for = OF_PROGRESS

    # What it does.

    def _begin(self, act: PlannedAct, now_permille: int) -> OutsideStep | None:
        """Return the item's step; None: it needs none, or can't come now."""
        planned = len(self.nemesis.heals.due)
        step = self._step_of(act, now_permille)
        if step is None and act.kind != WAIT:
            return None
        self.came += 1
        # The next item may wait for what this one is: it is counted from here on.
        self._await_next()
        self._since = self.model.steps + (step is not None)
        if act.kind != WAIT:
            self.model.mark(act.kind)
        self._disks.came(act, step, now_permille, self.nemesis.heals.due[planned:])
        return step

    def _step_of(self, act: PlannedAct, now_permille: int) -> OutsideStep | None:
        if act.kind == WAIT:
            return None
        if act.kind == "disk_pull":
            return self._disks.pull(act, now_permille)
        among = self._disks.among(act)
        if act.kind in OPERATIONS:
            is_ready = self.operator.setup.is_over
            return self.operator.planned.begin(act.kind, among) if is_ready else None
        lasting = ENDLESS if act.until else act.lasting
        return self.nemesis.begin(
            Planned(act.kind, "run", act.moment, 0, lasting), now_permille, among
        )
