"""The names of the files of a shrunk run, and the line that replays it."""

from __future__ import annotations

import shlex
from pathlib import Path

from chaos.store.capsule import Capsule

MINIMAL = "minimal.json"
MINIMAL_LOG = "minimal.log"
MINIMAL_PAGE = "minimal.html"


def replay_line(program: str, path: Path, capsule: Capsule) -> str:
    """What to type to replay a capsule in this place."""
    words = [program, "replay", shlex.quote(str(path))]
    return " ".join([*words, "--allow-code"] if capsule.carries_code else words)
