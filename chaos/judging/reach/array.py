"""Counts of the array's and its rebuilds' events."""

from __future__ import annotations

from chaos.judging.reach.situation import Situation
from chaos.steps.schedule import WriteZeroes
from workers.bdev.io import IoType

WHOLE, WIDE = 2, 3  # members
_STRADDLING = {
    IoType.READ: "reads_straddling",
    IoType.WRITE: "writes_straddling",
    IoType.UNMAP: "unmaps_straddling",
}


class ArrayCounts:
    """Follows the events ``raid.*`` and ``rebuild.*``."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self.counts = situation.counts
        self._ended_early = False  # the last rebuild
        self._expected = 0  # members that the newest configuring array waits for

    def happened(self, name: str, args: tuple[int, ...]) -> None:
        """Count an event that the engine emitted."""
        counts, situation = self.counts, self.situation
        match name:
            case "raid.assembled" | "raid.created":
                is_whole = name == "raid.assembled" and WHOLE <= len(args) == self._expected
                counts["arrays_assembled_whole"] += is_whole
                situation.assembled = situation.assembled or name == "raid.assembled"
                counts["wide_arrays"] += len(args) >= WIDE
            case "raid.configuring":
                self._expected = args[1]
            case "raid.last_member_removed":
                situation.is_dismantled = True
            case "raid.deleted":
                situation.is_dismantled = False
            case "raid.reset":
                counts["array_resets_in_rebuild"] += situation.rebuilding
            case "raid.straddled":
                self._straddled(IoType(args[0]), *args[1:3])
            case "rebuild.started":
                situation.rebuilding = True
                counts["rebuilds_restarted"] += self._ended_early
                self._ended_early = False
            case "rebuild.finished":
                situation.rebuilding = False
                self._ended_early = args[2] != 0
                counts["rebuilds_ended_early" if args[2] else "rebuilds_finished"] += 1
            case _:
                pass

    def _straddled(self, io_type: IoType, first: int, end: int) -> None:
        """Count an I/O across the rebuild's offset; the array sees a write-zeroes as a write within its blocks."""
        is_zeroes = io_type is IoType.WRITE and any(
            isinstance(step, WriteZeroes) and step.slba <= first and end <= step.slba + step.blocks
            for step in self.situation.in_flight.values()
        )
        self.counts["write_zeroes_straddling" if is_zeroes else _STRADDLING[io_type]] += 1
