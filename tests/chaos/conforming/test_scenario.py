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
        ({"setup": {"disks": 2, "present": [0, 7]}}, "the set-up names a disk twice, or one that"),
        ({"setup": {"disks": 2, "present": [0, 0]}}, "the set-up names a disk twice, or one that"),
        ({"setup": {"disks": 99, "present": []}}, "99 disks are too few or too many"),
        ({"setup": {"disks": 2, "present": [], "sizes": {"0": 1e12}}}, "a disk's size isn't above"),
        ({"step": {"do": ["restart", ["a"]]}}, "restart is about a disk that the scenario"),
        ({"step": {"do": ["create", False, ["a", 1]]}}, "create is about a disk that the scenario"),
        ({"step": {"do": ["members", 0, [9]]}}, "members is about a disk that the scenario"),
        ({"step": {"do": ["add", "foo"]}}, "add is about a disk that the scenario doesn't have"),
        ({"step": {"do": ["add", 2]}}, "add is about a disk that the scenario doesn't have"),
        ({"step": {"do": ["plug", -1]}}, "plug is about a disk that the scenario doesn't have"),
        ({"step": {"do": ["plug", 99]}}, "plug is about a disk that the scenario doesn't have"),
        ({"step": {"do": ["plug", True]}}, "plug can't have the arguments [True]"),
        ({"step": {"do": ["grow", 0, -1]}}, "grow can't have the arguments [0, -1]"),
        ({"step": {"do": ["inject", 0, "wipe", "failure", 1]}}, "inject can't have the arguments"),
        ({"step": {"do": ["both", ["add", 0], ["settle"]]}}, "settle can't be one of both"),
        ({"step": {"do": ["io", "read", {"nsid": 1}]}}, "there is an io, and no connect before it"),
        ({"step": {"do": ["io", "read", {"lba": 0}]}}, "io can't have the arguments"),
        ({"step": {"do": ["io", "read", {"nsid": 1, "lba": "0"}]}}, "io can't have the arguments"),
        ({"step": {"do": ["io", "peek", {"nsid": 1}]}}, "io can't have the arguments ['peek'"),
        ({"format": 2}, "has format 2, and raidstorm reads 1"),
    ],
)
def test_mistake_is_named(changes, sentence):
    with pytest.raises(ScenarioError) as mistake:
        read_recording(changed(**changes), FILE)
    assert sentence in str(mistake.value)
    assert "mine.json" in str(mistake.value)


@pytest.mark.parametrize(
    "operation",
    [
        ["add", 99],
        ["inject", 99, "read", "failure", 1],
        ["pull", 99],
        ["grow", 99, 2],
        ["examine", "raid"],
    ],
)
def test_operation_may_be_about_a_bdev_that_is_not_there_or_the_array(operation):
    (read,) = read_recording(changed(step={"do": operation}), FILE).scenarios
    assert read.steps[0].do == operation


def test_file_without_scenarios_is_a_mistake():
    with pytest.raises(ScenarioError, match="has no scenarios"):
        read_recording(changed().replace(b'"scenarios":[', b'"scenarios":[],"rest":['), FILE)


def test_file_that_is_not_there_or_no_json_is_a_mistake(tmp_path):
    with pytest.raises(ScenarioError, match="can't be read: No such file"):
        read_bytes(tmp_path / "nothing.json")
    with pytest.raises(ScenarioError, match="is no file of scenarios"):
        read_recording(b"{", FILE)
