"""The lists of a soak: ``chunks.jsonl``, the counted seeds, and ``failures.jsonl``, the failing ones.

They count up to the lengths in ``soak.json``, which is written after them, whole, and never while a result is half
counted. Lines beyond those lengths come from a kill: they are cut off, and their seeds are run again. The numbers of runs
and failures come from the lists when a soak continues.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from chaos.campaigns.runner import RunResult
from chaos.soak.state import SoakError, SoakState, write_whole

CHUNKS = "chunks.jsonl"  # one line for each counted chunk: [lane, first seed, seeds]
FAILURES = "failures.jsonl"  # one line for each failing run


class FailureLine(msgspec.Struct, frozen=True):
    """A line of failures.jsonl."""

    lane: int
    experiment: str
    driver: str
    defects: list[str]
    seed: int
    code: int
    steps: int
    signature: str
    run_dir: str
    known: str = ""  # the title of the known failure that it is


class Ledger:
    """Appends to the lists, and reads them back when a soak continues."""

    def __init__(self, folder: Path, state: SoakState) -> None:
        self.folder = folder
        self.state = state

    def add_seeds(self, lane: int, first: int, count: int) -> None:
        """Count seeds of a lane that follow each other."""
        self.state.chunks_bytes += self._append(CHUNKS, [lane, first, count])

    def add_failure(self, lane: int, result: RunResult) -> None:
        """Write down a failing run."""
        spec = self.state.lanes[lane].spec
        line = FailureLine(
            lane=lane,
            experiment=spec.experiment.name,
            driver=spec.driver,
            defects=[defect.id for defect in spec.defects],
            seed=result.seed,
            code=int(result.verdict),
            steps=result.steps,
            signature=result.signature,
            run_dir=result.run_dir,
            known=result.known,
        )
        self.state.failures_bytes += self._append(FAILURES, line)

    def _append(self, name: str, line: object) -> int:
        data = msgspec.json.encode(line) + b"\n"
        try:
            with (self.folder / name).open("ab") as file:
                file.write(data)
        except OSError as error:
            raise SoakError(f"{self.folder / name} can't be written: {error.strerror}") from None
        return len(data)

    def restore(self) -> None:
        """Cut off the lines that the state does not count, and derive the numbers of runs and failures from the others."""
        state = self.state
        chunks = self._cut(CHUNKS, state.chunks_bytes)
        seeds = [_seeds_of(lane, chunks) for lane in range(len(state.lanes))]
        failures = self._cut(FAILURES, state.failures_bytes)
        lines = [msgspec.json.decode(line, type=FailureLine) for line in failures]
        # The kill came before the chunk's line, so none of its runs count.
        counted = [one.seed in seeds[one.lane] for one in lines]
        if not all(counted):
            failures = [line for line, counts in zip(failures, counted, strict=True) if counts]
            lines = [line for line, counts in zip(lines, counted, strict=True) if counts]
            write_whole(self.folder / FAILURES, b"".join(line + b"\n" for line in failures))
        state.chunks_bytes = sum(len(line) + 1 for line in chunks)
        state.failures_bytes = sum(len(line) + 1 for line in failures)
        for number, lane in enumerate(state.lanes):
            lane.runs = len(seeds[number])
            known = [bool(one.known) for one in lines if one.lane == number]
            lane.known, lane.failed = known.count(True), known.count(False)
        for group in state.groups.values():
            group.count = sum(one.signature == group.signature and not one.known for one in lines)
        for known_group in state.known.values():
            known_group.count = sum(one.known == known_group.title for one in lines)

    def _cut(self, name: str, length: int) -> list[bytes]:
        """Return the lines up to this length, and cut off the rest."""
        path = self.folder / name
        path.touch()
        lines = path.read_bytes()[:length].splitlines()
        os.truncate(path, sum(len(line) + 1 for line in lines))
        return lines


def _seeds_of(lane: int, chunks: list[bytes]) -> set[int]:
    """Return a lane's counted seeds, without storing them in the state."""
    seeds: set[int] = set()
    for line in chunks:
        number, first, count = msgspec.json.decode(line, type=tuple[int, int, int])
        if number == lane:
            seeds |= set(range(first, first + count))
    return seeds
