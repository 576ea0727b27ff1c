"""Files of scenarios: their mistakes are named, and what is written is read back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from chaos.conforming.scenario import ScenarioError, read_bytes, read_recording
from tests.chaos.conforming.recordings import RECORDING, SCENARIOS

FILE = Path("mine.json")


def changed(**changes: object) -> bytes:
    """Return a file with one scenario of one step, and these parts of it changed."""
    step = {"do": ["create", False, [0, 1]], "code": 0}
    setup = {"disks": 2, "present": [0, 1]}
    parts = {"step": step, "setup": setup, "format": 1} | changes
    scenario = {
        "name": "one",
        "group": "create",
        "setup": parts["setup"],
        "steps": [parts["step"]],
    }
    units = {"disk_blocks": 16384, "block_size": 512, "data_offset_blocks": 2048}
    return msgspec.json.encode(
        {
            "format": parts["format"],
            "program": "spdk_tgt",
            "version": "v26.05",
            "units": units,
            "scenarios": [scenario],
        }
    )


def test_file_is_read_and_written_back_alike():
    again = read_recording(msgspec.json.encode(RECORDING), SCENARIOS)
    assert again == RECORDING
    assert read_recording(changed(), FILE).scenarios[0].name == "one"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"step": {"do": ["format", 1]}},
            "scenario one: step 1: there is no operation ['format', 1]",
        ),
        ({"step": {"do": []}}, "there is no operation []"),
        ({"step": {"do": ["create", [0, 1]]}}, "create can't have the arguments [[0, 1]]"),
        ({"step": {"do": ["plug", "0"]}}, "plug can't have the arguments ['0']"),
        ({"step": {"do": ["plug", 7]}}, "plug is about a disk that the scenario doesn't have"),
        ({"step": {"do": ["restart", [0, 4]]}}, "restart is about a disk that the scenario"),
        ({"step": {"do": ["both", ["add", 0], ["ad", 1]]}}, "there is no operation ['ad', 1]"),
        ({"step": {"do": ["settle"], "stat": 1}}, "is no file of scenarios"),
        ({"setup": {"disks": 0, "present": []}}, "0 disks are too few or too many"),
        ({"format": 2}, "has format 2, and raidstorm reads 1"),
    ],
)
def test_mistake_is_named(changes, sentence):
    with pytest.raises(ScenarioError) as mistake:
        read_recording(changed(**changes), FILE)
    assert sentence in str(mistake.value)
    assert "mine.json" in str(mistake.value)


def test_file_that_is_not_there_or_no_json_is_a_mistake(tmp_path):
    with pytest.raises(ScenarioError, match="can't be read: No such file"):
        read_bytes(tmp_path / "nothing.json")
    with pytest.raises(ScenarioError, match="is no file of scenarios"):
        read_recording(b"{", FILE)
