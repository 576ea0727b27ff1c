"""Damaged superblocks with SPDK's verdict on each, found by a target on two disks; and what ``superblock show`` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from chaos.conforming.compare import Difference, Verdict
from chaos.conforming.declared_verdicts import DECLARED_VERDICTS
from chaos.conforming.player import Player
from chaos.conforming.scenario import FORMAT, ScenarioError, Setup, State, Step
from workers.bdev.io import BLOCK_SIZE
from workers.errors import OK
from workers.raid.superblock import LENGTH_MAX, Superblock, SuperblockError, decode, sealed

DISKS = 3
SETUP = Setup(disks=DISKS, present=[], storage="aio", superblock=True)
SEEN = ("state", "num_base_bdevs_discovered", "num_base_bdevs_operational")
NO_SUPERBLOCK = "no superblock"


class Patch(msgspec.Struct, frozen=True):
    """Bytes at an offset."""

    offset: int
    bytes: str  # in hex


class Untouched(msgspec.Struct, frozen=True):
    """The superblock before it is damaged."""

    hex: str


class SuperblockCase(msgspec.Struct, frozen=True):
    """A damage, and the array after each of the two disks was plugged in; None: there is none."""

    name: str
    patch: Patch
    crc_redone: bool
    after_disk0: dict[str, Any] | None
    after_disk1: dict[str, Any] | None
    registered: bool
    verdict: str
    spdk_is_wrong: str = ""


class SuperblockCases(msgspec.Struct, frozen=True):
    """A file of such cases."""

    format: int
    program: str
    version: str
    untouched: Untouched
    cases: list[SuperblockCase]


class SuperblockComparison(msgspec.Struct, frozen=True):
    """A case, and what came out."""

    case: SuperblockCase
    verdict: Verdict
    differences: list[Difference]
    topic: str = ""


def has_cases(data: bytes) -> bool:
    """Return whether these are the bytes of a file of superblocks, and not of scenarios."""
    try:
        return "cases" in msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return False


def read_cases(data: bytes, path: Path) -> SuperblockCases:
    """Decode a file of cases; raise ScenarioError with a sentence."""
    try:
        cases = msgspec.json.decode(data, type=SuperblockCases)
    except msgspec.DecodeError as error:
        raise ScenarioError(f"{path} is no file of superblocks: {error}") from None
    if cases.format != FORMAT:
        raise ScenarioError(f"{path} has format {cases.format}, and raidstorm reads {FORMAT}")
    if not cases.cases:
        raise ScenarioError(f"{path} has no superblocks")
    try:
        images = [damaged(cases.untouched.hex, case) for case in cases.cases]
    except ValueError as error:
        raise ScenarioError(f"{path} has bytes that are no hexadecimal numbers: {error}") from None
    if any(len(image) > LENGTH_MAX for image in images):
        raise ScenarioError(f"{path} has a superblock of more than {LENGTH_MAX} bytes")
    return cases


def damaged(untouched: str, case: SuperblockCase) -> bytes:
    """Return the first bytes of a disk with this damage."""
    image = bytearray(bytes.fromhex(untouched).ljust(LENGTH_MAX, b"\0"))
    patch = bytes.fromhex(case.patch.bytes)
    image[case.patch.offset : case.patch.offset + len(patch)] = patch
    return sealed(bytes(image)) if case.crc_redone else bytes(image)


def compare_superblock(
    image: bytes, case: SuperblockCase, player: Player, *, is_engine: bool = True
) -> SuperblockComparison:
    """Plug two disks in that have it, and compare the array after each; ``superblock show`` reads as the engine does."""
    blocks = len(image) // BLOCK_SIZE
    for disk in player.disks[:2]:
        disk.data[: blocks * BLOCK_SIZE] = image[: blocks * BLOCK_SIZE]
    differences: list[Difference] = []
    is_left_alone = True
    for number, expected in enumerate((case.after_disk0, case.after_disk1)):
        got = player.play(Step(["plug", number], settled=True))
        differences += _differences(f"after disk{number}", expected, got)
        is_left_alone &= isinstance(got.state, State) and got.state.state is None
    if isinstance(got.state, State) and got.state.registered != case.registered:
        differences.append(Difference("registered", case.registered, got.state.registered))
    found, reason = _read(image)
    if is_engine and (found is None) != (case.verdict == NO_SUPERBLOCK):
        differences.append(Difference("superblock show", case.verdict, reason or "reads it"))
    if not differences:
        return SuperblockComparison(case, Verdict.EQUAL, [])
    # All that is declared is that the engine makes no array of it.
    rows = DECLARED_VERDICTS if is_engine and is_left_alone else ()
    row = next((row for row in rows if row.holds(found, reason)), None)
    verdict = Verdict.DIFFERENT if row is None else Verdict.DECLARED
    return SuperblockComparison(case, verdict, differences, "" if row is None else row.topic)


def _read(image: bytes) -> tuple[Superblock | None, str]:
    try:
        return decode(image), ""
    except SuperblockError as error:
        return None, str(error)


def _differences(place: str, expected: dict[str, Any] | None, got: Step) -> list[Difference]:
    if got.code != OK or not isinstance(got.state, State):
        return [Difference(f"{place}: code", OK, got.code)]  # every disk could be plugged in
    seen = msgspec.to_builtins(got.state)
    wanted = {"state": None} if expected is None else expected
    return [
        Difference(f"{place}: {key}", wanted[key], seen.get(key))
        for key in SEEN
        if key in wanted and wanted[key] != seen.get(key)
    ]
