"""The command ``raidstorm``: looks that it runs its own code, with its assertions, then hands over.

It imports nothing of the program at its top, so that it can say what is wrong when a foreign package stands in
the way, and so that worker processes, which import it again, start quickly.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.experiment import Experiment
    from chaos.suite import Suite

# Each package with a file that only ours has.
PACKAGES = {"workers": "engine.py", "chaos": "suite.py", "experiments": "suites.py"}
USAGE = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command; entry point of the console script and of ``python -m experiments``."""
    sentence = what_is_wrong()
    if sentence:
        sys.stderr.write(f"raidstorm: {sentence}\n")
        sys.exit(USAGE)
    try:
        from chaos.cli import run_command_line
        from chaos.cli.lazy import LazyTable

        run_command_line(
            LazyTable(_experiments), LazyTable(_suites), LazyTable(_experiments_of_defects)
        )
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _experiments() -> Mapping[str, Experiment]:
    from experiments.catalog import EXPERIMENTS

    return EXPERIMENTS


def _suites() -> Mapping[str, Suite]:
    from experiments.suites import SUITES

    return SUITES


def _experiments_of_defects() -> Mapping[str, tuple[str, ...]]:
    from experiments.found_by import FOUND_BY

    return FOUND_BY


def what_is_wrong() -> str:
    """Return why the program can't run at all; empty when it can."""
    if sys.flags.optimize:
        return "python -O removes the engine's assertions, which are its crash detector; run without -O"
    home = Path(__file__).resolve().parent
    for package, own_file in PACKAGES.items():
        found = importlib.util.find_spec(package)
        origin = found.origin if found is not None else None
        folder = Path(origin).resolve().parent if origin is not None else None
        if folder is None or folder.parent != home or not (folder / own_file).exists():
            where = origin or "a directory without __init__.py"
            return (
                f"the package {package!r} that Python finds ({where}) is not raidstorm's own; "
                "another installed package or a directory on PYTHONPATH shadows it; use a clean "
                "virtual environment"
            )
    return ""


if __name__ == "__main__":
    main()
