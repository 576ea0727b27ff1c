"""``raidstorm superblock show``: it shows every field, and reports odd values."""

import json

import msgspec
import pytest

from chaos.cli.superblock import remarks
from tests.inside import inside
from tests.workers.test_superblock import GOLDEN_CRC, golden
from workers.raid.superblock import EntryState, decode, encode

SOUND = decode(golden())
FIRST, SECOND = SOUND.entries


def test_superblock_that_an_array_would_write_gives_no_cause_for_remarks():
    assert remarks(SOUND) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"level": 5}, "level 5 is not RAID1"),
        ({"block_size": 0}, "a block size of 0 bytes is not valid"),
        ({"block_size": 1_000}, "a block size of 1000 bytes is not valid"),
        ({"strip_size": 64}, "a RAID1 has no strips"),
        ({"raid_size": 0}, "the array has no blocks"),
        ({"uuid": bytes(16)}, "the array's UUID is null"),
        ({"name": ""}, "the array has no name"),
        ({"num_base_bdevs": 3}, "2 entries for 3 members"),
        ({"num_base_bdevs": 1}, "a RAID1 has at least two members"),
        ({"seq_number": 2**64 - 1}, "the sequence number is near its end"),
        ({"version": (1, 1)}, "version 1.1 is newer than 1.0"),
        (
            {"entries": (FIRST, msgspec.structs.replace(SECOND, slot=0))},
            "two entries are for the same slot",
        ),
        (
            {"entries": (FIRST, msgspec.structs.replace(SECOND, uuid=FIRST.uuid))},
            "two entries are for the same UUID",
        ),
    ],
)
def test_odd_value_is_remarked_on(changes, sentence):
    assert sentence in remarks(msgspec.structs.replace(SOUND, **changes))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"uuid": bytes(16)}, "its UUID is null"),
        ({"data_offset": 0}, "its data begins within the superblock"),
        (
            {"data_size": 262_143, "state": EntryState.CONFIGURED},
            "it has less room than the array needs",
        ),
    ],
)
def test_odd_entry_is_remarked_on_with_its_slot(changes, sentence):
    entries = (FIRST, msgspec.structs.replace(SECOND, **changes))
    assert remarks(msgspec.structs.replace(SOUND, entries=entries)) == [f"slot 1: {sentence}"]


def test_every_field_is_shown_as_text_and_as_json(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(golden())
    shown = json.loads(inside("superblock", "show", str(image), "--format", "json").stdout)
    assert (shown["crc"], shown["flags"], shown["state"]) == (f"{GOLDEN_CRC:#010x}", 0, 0)
    assert [entry["flags"] for entry in shown["base_bdevs"]] == [0, 0]
    assert shown["remarks"] == []
    odd = msgspec.structs.replace(
        SOUND,
        level=0,
        flags=0x40,
        state=7,
        entries=(FIRST, msgspec.structs.replace(SECOND, flags=9)),
    )
    image.write_bytes(encode(odd))
    text = inside("superblock", "show", str(image)).stdout
    assert "(right), flags 0x40, state 7" in text
    assert "odd: level 0 is not RAID1" in text
    assert "262144      9  41414141-" in text


def test_superblock_is_shown_readably_and_a_bad_one_refused(tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(golden() + bytes(4_096))
    done = inside("superblock", "show", str(image))
    assert done.returncode == 0, done.stderr
    assert "Raid1" in done.stdout
    assert "sequence number 7" in done.stdout
    assert "failed" in done.stdout
    shown = json.loads(inside("superblock", "show", str(image), "--format", "json").stdout)
    assert [entry["state"] for entry in shown["base_bdevs"]] == ["configured", "failed"]
    image.write_bytes(bytes(4_096))
    for path in (str(image), str(tmp_path / "nothing"), str(tmp_path)):
        done = inside("superblock", "show", path)
        assert done.returncode == 2
        assert done.stderr.strip().count("\n") <= 3
        assert "Traceback" not in done.stderr
