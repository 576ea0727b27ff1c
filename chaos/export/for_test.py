"""The functions that an exported pytest file calls: unpack its capsule, replay it, write its failure."""

from __future__ import annotations

import base64
import contextlib
import textwrap
import zlib
from pathlib import Path

from chaos.drivers.native.opened import allowed
from chaos.judging.user_checks import load_embedded_check
from chaos.plan.target_id import TargetKind
from chaos.replaying.replay import Replayed, replay_capsule
from chaos.store.capsule import Capsule, parse_capsule
from workers.defects.loader import read_defect

WIDTH = 96


Tested = tuple[str, ...] | dict[TargetKind, str]


def replay_for_test(capsule: Capsule, tested: Tested | None = None) -> Replayed:
    """Replay a capsule step by step and judge it: with its own defects, or with these (ids or files) instead.

    The steps of a target in C need one: ``{"spdk": DIR}`` or ``{"target": FILE}``, or what the present command names.
    The one place that decides how a capsule's steps are replayed for a test.
    """
    sources = capsule.defect_sources()
    if isinstance(tested, tuple):
        sources = tuple(read_defect(name) for name in tested)
    checks = tuple(load_embedded_check(code) for code in capsule.checks)
    with contextlib.ExitStack() as stack:
        for kind, path in tested.items() if isinstance(tested, dict) else ():
            stack.enter_context(allowed(kind, path))
        return replay_capsule(capsule, capsule.stepping_driver, sources, checks)


def failure_text(replayed: Replayed, signature: str) -> str:
    """Write the failure with this signature as a test reports it; "" when the replay hasn't found it."""
    for finding in replayed.findings:
        if finding.signature == signature:
            story = [f"  {line}" for line in replayed.story]
            return "\n".join([f"{signature} at step {finding.step}: {finding.summary}", *story])
    return ""


def embedded_capsule(text: str) -> Capsule:
    """Return the capsule that a test file carries; raise CapsuleError when it can't be read."""
    return parse_capsule(Path("the embedded capsule"), unpack(text))


def pack(data: bytes) -> str:
    """Encode bytes as lines of text for a source file."""
    return textwrap.fill(base64.b64encode(zlib.compress(data, 9)).decode(), WIDTH)


def unpack(text: str) -> bytes:
    """Decode the bytes."""
    return zlib.decompress(base64.b64decode(text))
