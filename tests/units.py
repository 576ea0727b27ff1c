"""The units of tests that the processes of a test run share, as two do in ``make test``."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

PROCESSES = "processes"
SLOW = "slow"
UNITS_FILE = pytest.StashKey[Path]()


def unit_of(item: pytest.Item) -> str:
    """Return the unit to which a test belongs."""
    if item.get_closest_marker(PROCESSES):
        return PROCESSES
    if item.get_closest_marker(SLOW):
        return item.nodeid
    return item.nodeid.partition("::")[0]


def rank_of(item: pytest.Item) -> int:
    """Return a unit's rank: long ones come first, so that no process waits for one that was begun last."""
    return 0 if item.get_closest_marker(PROCESSES) else 1 if item.get_closest_marker(SLOW) else 2


def pytest_collection_modifyitems(config, items):
    items.sort(key=rank_of)
    path = getattr(config, "workerinput", {}).get("units_file")
    if path is not None:
        write_whole(Path(path), json.dumps({item.nodeid: unit_of(item) for item in items}))


def write_whole(path: Path, text: str) -> None:
    """Write the text, which several processes write at once; a reader finds all of it."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.write_text(text)
    own.replace(path)


@pytest.hookimpl(optionalhook=True)  # pytest may run without xdist
def pytest_configure_node(node):
    node.workerinput["units_file"] = str(units_file(node.config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        _units: dict[str, str] | None = None

        def _split_scope(self, nodeid: str) -> str:
            if self._units is None:
                self._units = json.loads(units_file(config).read_text())
            return self._units[nodeid]

    config.option.loadscopereorder = False
    return Units(config, log)


def units_file(config: pytest.Config) -> Path:
    """Return the file of this test run."""
    if UNITS_FILE not in config.stash:
        folder = tempfile.TemporaryDirectory(prefix="units-of-tests-")
        config.add_cleanup(folder.cleanup)
        config.stash[UNITS_FILE] = Path(folder.name) / "units.json"
    return config.stash[UNITS_FILE]
