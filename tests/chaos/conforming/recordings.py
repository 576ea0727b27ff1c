"""The recordings that come with the tests, and players for them."""

from __future__ import annotations

from pathlib import Path

from chaos.conforming.compare import Comparison, compare_engine
from chaos.conforming.scenario import Recording, Scenario, read_bytes, read_recording
from chaos.conforming.sides import engine_side
from workers.protocol import DefectSource

FOLDER = Path(__file__).parent / "recorded"
SCENARIOS = FOLDER / "v26.05.json"
SUPERBLOCKS = FOLDER / "superblock_cases.json"
STEPPED = FOLDER / "v26.05-stepped.json"  # played on SPDK's own code in raidstorm's process
RECORDING: Recording = read_recording(read_bytes(SCENARIOS), SCENARIOS)
ALL = [*RECORDING.scenarios, *read_recording(read_bytes(STEPPED), STEPPED).scenarios]


def scenario(name: str) -> Scenario:
    """Return a recorded scenario."""
    return next(one for one in ALL if one.name == name)


def compared(played: Scenario, *defects: str | DefectSource) -> Comparison:
    """Return the comparison of a scenario with an engine that has these defects."""
    sources = [DefectSource(one) if isinstance(one, str) else one for one in defects]
    side = engine_side(RECORDING.units, defects=tuple(sources))
    return compare_engine(played, side.player(played.setup, played.size_max))
