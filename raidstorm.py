"""The command ``raidstorm``: looks that it runs its own code, with its assertions, then hands over.

It imports nothing of the program at its top, so that it can say what is wrong when a foreign package stands in
the way, and so that worker processes, which import it again, start quickly.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

PACKAGES = ("workers", "chaos", "experiments")
USAGE = 2


def main() -> None:
    """Entry point of the console script and of ``python -m experiments``."""
    sentence = what_is_wrong()
    if sentence:
        sys.stderr.write(f"raidstorm: {sentence}\n")
        sys.exit(USAGE)
    from chaos.cli import run_command_line
    from experiments import EXPERIMENTS
    from experiments.suites import SUITES

    run_command_line(EXPERIMENTS, SUITES)


def what_is_wrong() -> str:
    """Why the program can't run at all; empty when it can."""
    if sys.flags.optimize:
        return "python -O removes the engine's assertions, which are its crash detector; run without -O"
    home = Path(__file__).resolve().parent
    for package in PACKAGES:
        found = importlib.util.find_spec(package)
        origin = found.origin if found is not None else None
        if origin is None or Path(origin).resolve().parent.parent != home:
            return (
                f"the package {package!r} that Python finds ({origin or 'none'}) is not raidstorm's own; "
                "another installed package or a directory on PYTHONPATH shadows it; use a clean "
                "virtual environment"
            )
    return ""


if __name__ == "__main__":
    main()
