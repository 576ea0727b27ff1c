"""The version of this code: the installed version, and the commit of the repository it runs from."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS_MAX = 10
CHANGED = "+"


def commit_of_code(root: Path = ROOT) -> str:
    """Return the commit's hash, with a "+" where files differ from it; "" for installed code."""
    if not (root / ".git").exists():
        return ""  # installed code; a repository further up is another project's
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments
            [*command, f"--dirty={CHANGED}"],
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache  # it is read from the package's metadata, and each run's capsule has it
def tool_version() -> str:
    """Return the installed version of raidstorm."""
    try:
        return version("raidstorm")
    except PackageNotFoundError:
        return "0+unknown"
