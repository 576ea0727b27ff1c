"""The command ``raidstorm``: looks that it runs its own code, with its assertions, then hands over.

It imports nothing of the program at its top, so that it can say what is wrong when a foreign package stands in
the way, and so that worker processes, which import it again, start quickly.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# Each package with a file that only ours has.
PACKAGES = {"workers": "engine.py", "chaos": "suite.py", "experiments": "suites.py"}
USAGE = 2
INTERRUPTED = 130


def main() -> None:
    """Entry point of the console script and of ``python -m experiments``."""
    sentence = what_is_wrong()
    if sentence:
        sys.stderr.write(f"raidstorm: {sentence}\n")
        sys.exit(USAGE)
    try:
        from chaos.cli import run_command_line
        from experiments.catalog import EXPERIMENTS
        from experiments.suites import SUITES

        run_command_line(EXPERIMENTS, SUITES)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def what_is_wrong() -> str:
    """Why the program can't run at all; empty when it can."""
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
