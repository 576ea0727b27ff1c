"""Failures by signature: the runs that are kept, the smallest of them, and their size on disk."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from chaos.campaigns.known import links_of
from chaos.campaigns.runner import RunResult
from chaos.soak.state import Group, Kept, KnownGroup, SoakState
from chaos.soak.tasks import ShrinkTask, Shrunk

FAILURES = "failures"
SHRINKS_MAX = 3  # of one signature, each from a run of at most half the steps
SMALLER_BY = 2


class FailureStore:
    """Owns the directories of failing runs below the soak's own."""

    def __init__(self, folder: Path, state: SoakState) -> None:
        self.folder = folder
        self.state = state
        self.shrinking: str = ""  # the signature that is being shrunk
        self._dropped: list[str] = []  # run directories that the state no longer names

    def add(self, lane: int, result: RunResult) -> bool:
        """Add a failing run to its group; returns whether its signature is new."""
        state = self.state
        first = result.findings[0]
        group = state.groups.get(result.signature)
        is_new = group is None
        if group is None:
            group = Group(
                signature=result.signature,
                code=int(result.verdict),
                summary=first.summary,
                story=result.story,
                first_seconds=state.seconds,
                first_seed=result.seed,
                lanes=[],
                replay=result.replay,
                folder=str(self.folder / FAILURES / _slug(result.signature)),
            )
            state.groups[result.signature] = group
        group.count += 1
        if lane not in group.lanes:
            group.lanes = sorted([*group.lanes, lane])
        if result.run_dir:
            kept = Kept(result.run_dir, result.seed, lane, result.steps, result.replay)
            group.kept = [*group.kept, kept]
            self._prune(group)
        return is_new

    def add_known(self, lane: int, result: RunResult) -> None:
        """Add a run with a known failure to those of its title; the smallest is kept."""
        state = self.state
        group = state.known.get(result.known)
        if group is None:
            links = links_of(state.lanes[lane].spec.known)
            group = KnownGroup(result.known, links.get(result.known, ""))
            state.known[result.known] = group
        group.count += 1
        if not result.run_dir:
            return
        kept = Kept(result.run_dir, result.seed, lane, result.steps, result.replay)
        both = sorted(filter(None, (group.kept, kept)), key=lambda one: one.steps)
        group.kept = both[0]
        self._dropped += [one.run_dir for one in both[1:]]

    def _prune(self, group: Group) -> None:
        """Keep the smallest runs, and of equally long runs the earliest."""
        most = 1 if self.state.disk_full else self.state.arguments.keep
        kept = sorted(group.kept, key=lambda one: one.steps)
        self._dropped += [one.run_dir for one in kept[most:]]
        group.kept = kept[:most]
        if group.kept and group.shrinks == 0:
            group.replay = group.kept[0].replay

    def sweep(self) -> None:
        """Remove the directories of runs that are not kept, after the state without them has been written."""
        while self._dropped:
            shutil.rmtree(self._dropped.pop(), ignore_errors=True)

    def next_shrink(self) -> ShrinkTask | None:
        """Return the failure to shrink now: one at a time, the new ones first."""
        if self.shrinking:
            return None
        waiting = [group for group in self.state.groups.values() if _is_worth(group)]
        if not waiting:
            return None
        group = min(waiting, key=lambda group: group.shrinks)
        self.shrinking = group.signature
        run_dir = group.kept[0].run_dir
        program = self.state.arguments.program
        return ShrinkTask(group.signature, run_dir, group.folder, program)

    def shrunk(self, signature: str, outcome: Shrunk) -> None:
        """Record that a failure has been shrunk, or could not be."""
        self.shrinking = ""
        group = self.state.groups[signature]
        group.shrinks += 1
        group.shrunk_from = group.kept[0].steps if group.kept else 0
        if outcome.why_not:
            group.not_shrunk = outcome.why_not
            return
        group.not_shrunk = ""
        group.minimal = str(Path(group.folder) / "minimal.json")
        group.minimal_signature = outcome.signature
        group.minimal_steps = outcome.steps
        group.story = outcome.story
        group.replay = outcome.replay
        for other in self.state.groups.values():
            same = other.minimal_signature == outcome.signature and not other.same_as
            if other is not group and same and other.minimal:
                group.same_as = other.signature
                return

    def lost_shrink(self) -> None:
        """Record that the process that shrank was killed; the failure is shrunk again, a bounded number of times."""
        if self.shrinking:
            self.state.groups[self.shrinking].shrinks += 1
            self.shrinking = ""

    def tidy(self) -> None:
        """Remove, after a kill, run directories that the state doesn't name, since their seeds are run again."""
        known = {one.run_dir for group in self.state.groups.values() for one in group.kept}
        known |= {group.kept.run_dir for group in self.state.known.values() if group.kept}
        for lane in self.state.lanes:
            parent = Path(lane.spec.out) / lane.spec.experiment.name
            for path in sorted(parent.iterdir()) if parent.is_dir() else []:
                if str(path) not in known:
                    shutil.rmtree(path, ignore_errors=True)

    def is_too_much(self, used: int) -> bool:
        """Return whether the soak takes more bytes than it may; then only one run of each signature stays."""
        state = self.state
        if used <= state.arguments.disk_bytes:
            return False
        state.disk_full = True
        for group in state.groups.values():
            self._prune(group)
        return True


def _is_worth(group: Group) -> bool:
    if not group.kept or group.shrinks >= SHRINKS_MAX:
        return False
    return group.shrinks == 0 or group.kept[0].steps * SMALLER_BY <= group.shrunk_from


def _slug(signature: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", signature).strip("-")[:60]
    return f"{words}-{hashlib.sha256(signature.encode()).hexdigest()[:8]}"


def bytes_below(folder: Path) -> int:
    """Return the size of all files below, in bytes of disk."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except OSError:
                continue  # it was removed meanwhile
    return total
