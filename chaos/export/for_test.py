"""The functions that an exported pytest file calls: unpack its capsule, replay it in ``sim``, write its failure."""

from __future__ import annotations

import base64
import textwrap
import zlib
from pathlib import Path

from chaos.judging.user_checks import load_embedded_check
from chaos.replaying.replay import Replayed, replay_capsule
from chaos.store.capsule import Capsule, parse_capsule
from workers.defects.loader import read_defect

WIDTH = 96


def replay_for_test(capsule: Capsule, defects: tuple[str, ...] | None = None) -> Replayed:
    """Replay a capsule in ``sim`` and judge it: with its own defects, or with these (ids or files) instead.

    The one place that decides how a capsule's steps are replayed for a test.
    """
    if defects is None:
        sources = capsule.defect_sources()
    else:
        sources = tuple(read_defect(name) for name in defects)
    checks = tuple(load_embedded_check(code) for code in capsule.checks)
    return replay_capsule(capsule, "sim", sources, checks)


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
